-- The core of a base month is the same in every month that looks at it, equals the closing base in core tiers, is
-- retained wholly in the base month itself, and keeps no more than there is.
with core as (

    select
        monthly.month as base_month,
        count(*) as core_count
    from {{ ref('subscription_monthly') }} as monthly
    inner join {{ ref('dim_value_tier') }} as tier
        on monthly.closing_value_tier = tier.value_tier and monthly.currency_code = tier.currency_code
    where monthly.is_closing and tier.is_core
    group by monthly.month

),

looked_at as (

    select
        base_month,
        months_since_base,
        sum(core_count) as core_count,
        sum(retained_count) as retained_count,
        sum(value_retained_count) as value_retained_count
    from {{ ref('core_retention_monthly') }}
    group by base_month, months_since_base

)

select looked_at.*
from looked_at
left join core
    on looked_at.base_month = core.base_month
where
    core.core_count is null
    or looked_at.core_count <> core.core_count
    or looked_at.retained_count > looked_at.core_count
    or looked_at.value_retained_count > looked_at.retained_count
    or (looked_at.months_since_base = 0 and looked_at.retained_count <> looked_at.core_count)
