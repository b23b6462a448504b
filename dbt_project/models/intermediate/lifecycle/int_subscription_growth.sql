{{ config(pre_hook=large_memory()) }}

-- What rises: revenue of the last billed months up to each month against as many before them, and offers added. Both
-- windows are full: the line was on the network from the first to the last day of all their months.
with rule as (

    select * from {{ ref('int_stage_threshold') }}

),

billed as (

    select
        months.month,
        before.month as billed_month,
        row_number() over (partition by months.month order by before.month desc) as recency
    from {{ ref('int_month') }} as months
    inner join {{ ref('int_month') }} as before
        on before.month <= months.month and before.is_revenue_delivered

),

windows as (

    select
        billed.month,
        billed.billed_month,
        billed.recency <= rule.growth_window_months as is_later,
        rule.growth_window_months * 2 as month_count
    from billed
    cross join rule
    where billed.recency <= rule.growth_window_months * 2

),

line_months as (

    select
        monthly_value.month,
        monthly_value.subscription_id,
        monthly_value.currency_code,
        monthly_value.service_revenue_amount
    from {{ ref('int_subscription_month_value') }} as monthly_value
    inner join {{ ref('int_subscription_month') }} as movement
        on monthly_value.month = movement.month
            and monthly_value.subscription_id = movement.subscription_id
            and movement.is_opening
            and movement.is_closing
            and movement.opening_churn_type is null

),

revenue as (

    select
        windows.month,
        line_months.subscription_id,
        sum(line_months.service_revenue_amount) filter (where not windows.is_later) as earlier_revenue_amount,
        sum(line_months.service_revenue_amount) filter (where windows.is_later) as later_revenue_amount
    from windows
    inner join line_months
        on windows.billed_month = line_months.month
    group by windows.month, line_months.subscription_id
    having count(*) = max(windows.month_count) and min(line_months.currency_code) = max(line_months.currency_code)

),

offers as (

    -- What was taken with the line itself is not added.
    select
        months.month,
        held.subscription_id,
        count(*) as added_offer_count
    from {{ ref('int_month') }} as months
    cross join rule
    inner join {{ ref('int_subscribed_offer_history') }} as held
        on held.is_current
            and {{ local_date('held.started_at') }} <= months.last_date
            and {{ local_date('held.started_at') }}
            > {{ date_plus('months.last_date', '-1 * rule.growth_offer_months', 'month') }}
    inner join {{ ref('dim_offer') }} as offer
        on held.offer_id = offer.offer_id and offer.is_current and offer.offer_type <> 'main'
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on held.subscription_id = lifetime.subscription_id
            and {{ local_date('held.started_at') }} > lifetime.activated_date
    group by months.month, held.subscription_id

)

select
    coalesce(revenue.month, offers.month) as month,
    coalesce(revenue.subscription_id, offers.subscription_id) as subscription_id,
    revenue.earlier_revenue_amount,
    revenue.later_revenue_amount,
    coalesce(offers.added_offer_count, 0) as added_offer_count
from revenue
full outer join offers
    on revenue.month = offers.month and revenue.subscription_id = offers.subscription_id
