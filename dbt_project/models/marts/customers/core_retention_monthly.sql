-- Core subscriptions frozen at each base month, and how many of them were still there, and still kept their value, at
-- the end of each month from then on. Slices are those of the base month.
with base as (

    select
        monthly.month as base_month,
        monthly.subscription_id,
        coalesce(monthly.currency_code, '') as currency_code,
        {{ slice_list('monthly', 'closing_', rename=true) }},
        monthly.market_type,
        monthly.mean_revenue_amount
    from {{ ref('subscription_monthly') }} as monthly
    inner join {{ ref('dim_value_tier') }} as tier
        on monthly.closing_value_tier = tier.value_tier and monthly.currency_code = tier.currency_code
    where monthly.is_closing and tier.is_core

),

observed as (

    select
        base.*,
        months.month as observed_month,
        months.is_month_closed,
        months.is_open_month,
        monthly.subscription_id is not null as is_retained,
        coalesce(
            monthly.currency_code = base.currency_code
            and monthly.mean_revenue_amount >= base.mean_revenue_amount * {{ var('core_value_kept_ratio') }},
            false
        ) as is_value_retained,
        case when monthly.currency_code = base.currency_code then monthly.mean_revenue_amount end
            as observed_revenue_amount
    from base
    inner join {{ ref('int_month') }} as months
        on base.base_month <= months.month
            and months.month <= {{ date_plus('base.base_month', var('core_retention_months'), 'month') }}
    left join {{ ref('subscription_monthly') }} as monthly
        on base.subscription_id = monthly.subscription_id
            and months.month = monthly.month
            and monthly.is_closing

)

select
    base_month,
    observed_month,
    cast({{ dbt.datediff('base_month', 'observed_month', 'month') }} as integer) as months_since_base, -- noqa: LT05
    is_month_closed,
    is_open_month,
    currency_code,
    {{ slice_list() }},
    market_type,
    count(*) as core_count,
    count(*) filter (where is_retained) as retained_count,
    count(*) filter (where is_value_retained) as value_retained_count,
    cast(sum(mean_revenue_amount) as numeric(18, 2)) as core_mean_revenue_amount,
    cast(
        sum(case when is_retained then coalesce(observed_revenue_amount, 0) else 0 end) as numeric(18, 2)
    ) as retained_mean_revenue_amount
from observed
group by
    base_month,
    observed_month,
    is_month_closed,
    is_open_month,
    currency_code,
    {{ slice_list() }},
    market_type
