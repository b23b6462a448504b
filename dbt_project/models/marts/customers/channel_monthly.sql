-- What each channel won and cost. Everything counts in the month it happened in, so that a closed month stays: early
-- churn is that of the joiners whose days for it ended in the month.
with joiners as (

    select
        presence.subscription_id,
        presence.left_at,
        {{ local_date('presence.joined_at') }} as joined_date
    from {{ ref('int_subscription_presence') }} as presence
    where presence.entry_type in ('activation', 'win_back')

),

matured as (

    select
        joiners.subscription_id,
        {{ date_plus('joiners.joined_date', var('early_churn_days')) }} as matured_date,
        {{ local_date('joiners.left_at') }} as left_date
    from joiners

),

matured_joiners as (

    {% for measure, condition in [('matured_joiner', 'true'), ('early_churn', 'left_date <= matured_date')] %}
        select
            matured.subscription_id,
            '{{ measure }}' as measure_name,
            {{ month_of('matured.matured_date') }} as month
        from matured
        cross join {{ ref('int_as_of_date') }} as as_of
        where matured.matured_date <= as_of.as_of_date and {{ condition }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

described as (

    select
        version.subscription_id,
        version.channel_id,
        version.region_id,
        coalesce(account.currency_code, '') as currency_code
    from {{ ref('dim_subscription') }} as version
    left join {{ ref('dim_account') }} as account
        on version.account_id = account.account_id and account.is_current
    where version.is_current

),

joined_first as (

    select
        subscription_id,
        min({{ month_of('joined_date') }}) as joined_month
    from joiners
    group by subscription_id

),

orders as (

    select
        *,
        row_number() over (partition by order_id order by effective_at desc) as recency
    from {{ ref('stg_crm__order') }}
    where effective_at < {{ as_of_end_at() }}

),

order_events as (

    {% for measure, instant, condition in [
        ('order', 'placed_at', 'true'),
        ('order_completed', 'completed_at', "status_code = 'completed'"),
        ('order_cancelled', 'effective_at', "status_code = 'cancelled'"),
    ] %}
        select
            subscription_id,
            channel_id,
            '{{ measure }}' as measure_name,
            {{ instant }} as occurred_at
        from orders
        where recency = 1 and {{ condition }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

measures as (

    select
        monthly.month,
        coalesce(monthly.channel_id, 'unknown') as channel_id,
        monthly.closing_region_id as region_id,
        coalesce(monthly.currency_code, '') as currency_code,
        'activation' as measure_name,
        cast(sum(monthly.activation_count) as numeric) as measure_value
    from {{ ref('subscription_monthly') }} as monthly
    where monthly.activation_count > 0
    group by
        monthly.month,
        coalesce(monthly.channel_id, 'unknown'),
        monthly.closing_region_id,
        coalesce(monthly.currency_code, '')

    union all

    select
        monthly.month,
        coalesce(monthly.channel_id, 'unknown') as channel_id,
        monthly.closing_region_id as region_id,
        coalesce(monthly.currency_code, '') as currency_code,
        'win_back' as measure_name,
        cast(sum(monthly.win_back_count) as numeric) as measure_value
    from {{ ref('subscription_monthly') }} as monthly
    where monthly.win_back_count > 0
    group by
        monthly.month,
        coalesce(monthly.channel_id, 'unknown'),
        monthly.closing_region_id,
        coalesce(monthly.currency_code, '')

    union all

    select
        monthly.month,
        coalesce(monthly.channel_id, 'unknown') as channel_id,
        monthly.closing_region_id as region_id,
        coalesce(monthly.currency_code, '') as currency_code,
        'joiner_revenue' as measure_name,
        sum(monthly.service_revenue_amount) as measure_value
    from {{ ref('subscription_monthly') }} as monthly
    inner join joined_first
        on monthly.subscription_id = joined_first.subscription_id
            and monthly.month between joined_first.joined_month
            and {{ date_plus('joined_first.joined_month', 2, 'month') }}
    where monthly.service_revenue_amount is not null
    group by
        monthly.month,
        coalesce(monthly.channel_id, 'unknown'),
        monthly.closing_region_id,
        coalesce(monthly.currency_code, '')

    union all

    select
        matured_joiners.month,
        coalesce(described.channel_id, 'unknown') as channel_id,
        described.region_id,
        described.currency_code,
        matured_joiners.measure_name,
        cast(count(*) as numeric) as measure_value
    from matured_joiners
    inner join described
        on matured_joiners.subscription_id = described.subscription_id
    group by
        matured_joiners.month,
        coalesce(described.channel_id, 'unknown'),
        described.region_id,
        described.currency_code,
        matured_joiners.measure_name

    union all

    select
        {{ month_of(local_date('order_events.occurred_at')) }} as month,
        coalesce(order_events.channel_id, 'unknown') as channel_id,
        coalesce(described.region_id, 'unknown') as region_id,
        coalesce(described.currency_code, '') as currency_code,
        order_events.measure_name,
        cast(count(*) as numeric) as measure_value
    from order_events
    left join described
        on order_events.subscription_id = described.subscription_id
    group by
        {{ month_of(local_date('order_events.occurred_at')) }},
        coalesce(order_events.channel_id, 'unknown'),
        coalesce(described.region_id, 'unknown'),
        coalesce(described.currency_code, ''),
        order_events.measure_name

    union all

    select
        cost.cost_month as month,
        coalesce(cost.channel_id, 'unknown') as channel_id,
        coalesce(cost.region_id, 'unknown') as region_id,
        cost.currency_code,
        cost.cost_type as measure_name,
        sum(cost.amount) as measure_value
    from {{ ref('stg_finance__cost') }} as cost
    where cost.cost_type in ('commission', 'subsidy') and cost.booked_at < {{ as_of_end_at() }}
    group by
        cost.cost_month,
        coalesce(cost.channel_id, 'unknown'),
        coalesce(cost.region_id, 'unknown'),
        cost.currency_code,
        cost.cost_type

)

select
    measures.month,
    months.is_month_closed,
    months.is_open_month,
    measures.channel_id,
    measures.region_id,
    measures.currency_code,
    {% for name in [
        'activation', 'win_back', 'order', 'order_completed', 'order_cancelled', 'matured_joiner', 'early_churn'
    ] -%}
        cast(
            coalesce(sum(measures.measure_value) filter (where measures.measure_name = '{{ name }}'), 0) as bigint
        ) as {{ name }}_count,
    {% endfor -%}
    case
        when months.is_revenue_delivered
            then
                cast(
                    coalesce(sum(measures.measure_value) filter (where measures.measure_name = 'joiner_revenue'), 0)
                    as numeric(18, 2)
                )
    end as joiner_revenue_amount,
    cast(
        coalesce(sum(measures.measure_value) filter (where measures.measure_name = 'commission'), 0) as numeric(18, 2)
    ) as commission_amount,
    cast(
        coalesce(sum(measures.measure_value) filter (where measures.measure_name = 'subsidy'), 0) as numeric(18, 2)
    ) as subsidy_amount
from measures
inner join {{ ref('int_month') }} as months
    on measures.month = months.month
group by
    measures.month,
    months.is_month_closed,
    months.is_open_month,
    months.is_revenue_delivered,
    measures.channel_id,
    measures.region_id,
    measures.currency_code
