{{ config(pre_hook=large_memory()) }}

-- What each lever works on and what it achieves, by month, region and billing currency. Months of costs and bills not
-- delivered have no margin, and levers then no value. Counts that know no currency are in the operator's own.
with line_month as (

    select
        monthly.month,
        monthly.subscription_id,
        monthly.customer_id,
        monthly.currency_code,
        monthly.closing_region_id as region_id,
        monthly.opening_region_id,
        monthly.closing_service_line as service_line,
        monthly.opening_value_tier,
        monthly.is_opening,
        monthly.is_closing,
        monthly.opening_churn_type,
        monthly.win_back_count,
        monthly.voluntary_churn_count + monthly.involuntary_churn_count as lost_count,
        monthly.voice_seconds + monthly.data_bytes + monthly.sms_count as used_quantity,
        coalesce(
            opening.main_offer_id <> closing.main_offer_id
            and opening_offer.monthly_fee_amount < closing_offer.monthly_fee_amount,
            false
        ) as is_moved_up
    from {{ ref('subscription_monthly') }} as monthly
    inner join {{ ref('int_month') }} as months
        on monthly.month = months.month
    inner join {{ ref('int_subscription_month') }} as movement
        on monthly.month = movement.month and monthly.subscription_id = movement.subscription_id
    left join {{ ref('dim_subscription') }} as opening
        on movement.opening_subscription_sk = opening.subscription_sk
    left join {{ ref('dim_offer') }} as opening_offer
        on opening.main_offer_id = opening_offer.offer_id and {{ version_before('opening_offer', 'months.start_at') }}
    left join {{ ref('dim_subscription') }} as closing
        on movement.closing_subscription_sk = closing.subscription_sk
    left join {{ ref('dim_offer') }} as closing_offer
        on closing.main_offer_id = closing_offer.offer_id
            and {{ version_before('closing_offer', 'movement.closing_at') }}
    where monthly.currency_code is not null

),

addon_month as (

    select distinct
        months.month,
        holding.subscription_id
    from {{ ref('int_month') }} as months
    inner join {{ ref('int_subscribed_offer_history') }} as holding
        on holding.started_at < months.end_at
            and holding.is_current
            and (holding.ended_at is null or holding.ended_at >= months.end_at)
    inner join {{ ref('dim_offer') }} as offer
        on holding.offer_id = offer.offer_id and offer.is_current and offer.offer_type = 'addon'

),

redeemed as (

    select distinct
        {{ month_of(local_date('occurred_at')) }} as month,
        customer_id
    from {{ ref('stg_marketing__loyalty_transaction') }}
    where transaction_type = 'redeem'

),

customer_month as (

    select
        line_month.month,
        line_month.region_id,
        line_month.currency_code,
        line_month.customer_id,
        count(distinct line_month.service_line) as service_line_count,
        count(distinct redeemed.customer_id) as redeemed_count
    from line_month
    left join redeemed
        on line_month.month = redeemed.month and line_month.customer_id = redeemed.customer_id
    where line_month.is_closing
    group by line_month.month, line_month.region_id, line_month.currency_code, line_month.customer_id

),

lead_now as (

    select
        *,
        row_number() over (partition by lead_id order by effective_at desc) as recency
    from {{ ref('stg_marketing__lead') }}
    where effective_at < {{ as_of_end_at() }}

),

contract_now as (

    select
        contract.contract_id,
        contract.subscription_id,
        contract.end_date
    from {{ ref('int_contract_history') }} as contract
    where contract.is_current

),

ran_out as (

    select
        contract_now.contract_id,
        contract_now.subscription_id,
        {{ month_of('contract_now.end_date') }} as month,
        count(later.contract_id) as later_count
    from contract_now
    cross join {{ ref('int_as_of_date') }} as as_of
    left join contract_now as later
        on contract_now.subscription_id = later.subscription_id and later.end_date > contract_now.end_date
    where contract_now.end_date <= as_of.as_of_date
    group by contract_now.contract_id, contract_now.subscription_id, {{ month_of('contract_now.end_date') }}

),

lost_window as (

    select
        months.month,
        lost.region_id,
        lost.currency_code,
        sum(lost.lost_count) as lost_count
    from {{ ref('int_month') }} as months
    inner join line_month as lost
        on lost.month <= months.month and lost.month > {{ date_plus('months.month', -12, 'month') }}
    group by months.month, lost.region_id, lost.currency_code

),

won_back as (

    select
        month,
        region_id,
        currency_code,
        sum(win_back_count) as win_back_count
    from line_month
    group by month, region_id, currency_code

),

-- lever, month, region, currency, addressable base, success
measured as (

    select
        1 as lever_number,
        lines.month,
        lines.region_id,
        lines.currency_code,
        cast(region.population as numeric) as addressable_quantity,
        cast(lines.line_count as numeric) as success_quantity
    from (
        select
            month,
            region_id,
            currency_code,
            count(*) as line_count
        from line_month
        where is_closing
        group by month, region_id, currency_code
    ) as lines
    inner join {{ ref('int_region_month') }} as region
        on lines.month = region.month and lines.region_id = region.region_id
    where lines.currency_code = '{{ var("home_currency_code") }}'

    union all

    select
        2 as lever_number,
        {{ month_of(local_date('completed_at')) }} as month,
        region_id,
        '{{ var("home_currency_code") }}' as currency_code,
        count(*) as addressable_quantity,
        count(case when direction = 'in' then 1 end) as success_quantity
    from {{ ref('stg_market__porting') }}
    where status_code = 'completed' and completed_at < {{ as_of_end_at() }}
    group by {{ month_of(local_date('completed_at')) }}, region_id

    union all

    select
        3 as lever_number,
        {{ month_of(local_date('created_at')) }} as month,
        region_id,
        '{{ var("home_currency_code") }}' as currency_code,
        count(*) as addressable_quantity,
        count(case when status_code = 'converted' then 1 end) as success_quantity
    from lead_now
    where recency = 1
    group by {{ month_of(local_date('created_at')) }}, region_id

    union all

    select
        4 as lever_number,
        month,
        region_id,
        currency_code,
        count(*) as addressable_quantity,
        count(case when usage_revenue_amount <= 0.3 * recurring_revenue_amount then 1 end) as success_quantity
    from {{ ref('customer_profit_monthly') }}
    where recurring_revenue_amount > 0 and subscription_id <> 'unallocated'
    group by month, region_id, currency_code

    union all

    select
        case lever.lever_number when 5 then 5 when 7 then 7 else 8 end as lever_number,
        line_month.month,
        line_month.region_id,
        line_month.currency_code,
        -- Where no usage was delivered, nobody knows who used a line.
        count(
            case
                when
                    lever.lever_number <> 5
                    or line_month.service_line = 'mobile' and line_month.used_quantity is not null
                    then 1
            end
        ) as addressable_quantity,
        count(
            case
                when lever.lever_number = 5 and line_month.service_line = 'mobile' and line_month.used_quantity > 0
                    then 1
                when lever.lever_number = 7 and line_month.is_moved_up then 1
                when lever.lever_number = 8 and addon_month.subscription_id is not null then 1
            end
        ) as success_quantity
    from line_month
    inner join {{ ref('lever_rule') }} as lever
        on lever.lever_number in (5, 7, 8)
    left join addon_month
        on line_month.month = addon_month.month and line_month.subscription_id = addon_month.subscription_id
    where line_month.is_closing
    group by lever.lever_number, line_month.month, line_month.region_id, line_month.currency_code

    union all

    select
        case lever.lever_number when 6 then 6 else 9 end as lever_number,
        customer_month.month,
        customer_month.region_id,
        customer_month.currency_code,
        count(*) as addressable_quantity,
        count(
            case
                when lever.lever_number = 6 and customer_month.service_line_count > 1 then 1
                when lever.lever_number = 9 and customer_month.redeemed_count > 0 then 1
            end
        ) as success_quantity
    from customer_month
    inner join {{ ref('lever_rule') }} as lever
        on lever.lever_number in (6, 9)
    group by lever.lever_number, customer_month.month, customer_month.region_id, customer_month.currency_code

    union all

    select
        10 as lever_number,
        ran_out.month,
        line_month.region_id,
        line_month.currency_code,
        count(*) as addressable_quantity,
        count(case when ran_out.later_count > 0 then 1 end) as success_quantity
    from ran_out
    inner join line_month
        on ran_out.month = line_month.month and ran_out.subscription_id = line_month.subscription_id
    group by ran_out.month, line_month.region_id, line_month.currency_code

    union all

    select
        case when opening_value_tier = 'standard' then 11 else 12 end as lever_number,
        month,
        opening_region_id as region_id,
        currency_code,
        count(*) as addressable_quantity,
        count(case when opening_churn_type = 'voluntary' then 1 end) as success_quantity
    from line_month
    where is_opening
    group by case when opening_value_tier = 'standard' then 11 else 12 end, month, opening_region_id, currency_code

    union all

    select
        13 as lever_number,
        month,
        region_id,
        currency_code,
        sum(revenue_amount) as addressable_quantity,
        sum(bad_debt_cost_amount) as success_quantity
    from {{ ref('customer_profit_monthly') }}
    where subscription_id <> 'unallocated' and revenue_amount is not null
    group by month, region_id, currency_code

    union all

    select
        14 as lever_number,
        lost_window.month,
        lost_window.region_id,
        lost_window.currency_code,
        lost_window.lost_count as addressable_quantity,
        coalesce(won_back.win_back_count, 0) as success_quantity
    from lost_window
    left join won_back
        on lost_window.month = won_back.month
            and lost_window.region_id = won_back.region_id
            and lost_window.currency_code = won_back.currency_code
    where lost_window.lost_count > 0

)

select
    measured.lever_number,
    measured.month,
    measured.region_id,
    measured.currency_code,
    measured.addressable_quantity,
    measured.success_quantity
from measured
inner join {{ ref('int_month') }} as months
    on measured.month = months.month
where measured.addressable_quantity > 0
