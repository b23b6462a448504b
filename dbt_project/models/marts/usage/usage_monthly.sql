{{ by_partition('month', 'month') }}
{%- set touched = touched_partitions({
    'int_usage_monthly': 'same',
    'dim_subscription': 'interval',
    'int_subscription_month_value': 'same',
    'int_month': 'same',
}) %}

-- The slice describes the subscription at the instant of use; its tier is that of the month.
with sliced as (

    select
        monthly.month,
        coalesce(version.region_id, 'unknown') as region_id,
        coalesce(version.brand_name, 'unknown') as brand_name,
        coalesce(version.service_line, 'unknown') as service_line,
        coalesce(version.plan_type, 'unknown') as plan_type,
        coalesce(monthly_value.value_tier, 'standard') as value_tier,
        monthly.service_type,
        monthly.direction,
        monthly.network_type,
        monthly.roaming_type,
        monthly.currency_code,
        {{ sum_whole('monthly.event_count') }} as event_count,
        {{ sum_whole('monthly.duration_seconds') }} as duration_seconds,
        sum(cast(monthly.volume_bytes as numeric)) / 1000000 as volume_mb,
        sum(monthly.rated_amount) as rated_amount
    from {{ ref('int_usage_monthly') }} as monthly
    left join {{ ref('dim_subscription') }} as version
        on monthly.subscription_sk = version.subscription_sk
    left join {{ ref('int_subscription_month_value') }} as monthly_value
        on monthly.subscription_id = monthly_value.subscription_id and monthly.month = monthly_value.month
    where {{ in_partitions('monthly.month', touched, 'month') }}
    group by
        monthly.month,
        coalesce(version.region_id, 'unknown'),
        coalesce(version.brand_name, 'unknown'),
        coalesce(version.service_line, 'unknown'),
        coalesce(version.plan_type, 'unknown'),
        coalesce(monthly_value.value_tier, 'standard'),
        monthly.service_type,
        monthly.direction,
        monthly.network_type,
        monthly.roaming_type,
        monthly.currency_code

)

select
    sliced.month,
    {{ slice_list('sliced') }},
    sliced.service_type,
    sliced.direction,
    sliced.network_type,
    sliced.roaming_type,
    coalesce(months.is_month_closed, false) as is_month_closed,
    coalesce(months.is_open_month, false) as is_open_month,
    sliced.event_count,
    sliced.duration_seconds,
    sliced.volume_mb,
    sliced.rated_amount,
    sliced.currency_code
from sliced
left join {{ ref('int_month') }} as months
    on sliced.month = months.month
