{{ by_partition('month', 'month') }}
{%- set touched = touched_partitions({'int_usage_day_part': 'same', 'int_month': 'same'}) %}

with monthly as (

    select
        {{ month_of('usage_date') }} as month,
        day_part,
        service_type,
        direction,
        network_type,
        roaming_type,
        currency_code,
        {{ sum_whole('event_count') }} as event_count,
        {{ sum_whole('duration_seconds') }} as duration_seconds,
        sum(cast(volume_bytes as numeric)) / 1000000 as volume_mb,
        sum(rated_amount) as rated_amount
    from {{ ref('int_usage_day_part') }}
    where {{ in_partitions('usage_date', touched, 'month') }}
    group by
        {{ month_of('usage_date') }},
        day_part,
        service_type,
        direction,
        network_type,
        roaming_type,
        currency_code

)

select
    monthly.month,
    monthly.day_part,
    monthly.service_type,
    monthly.direction,
    monthly.network_type,
    monthly.roaming_type,
    coalesce(months.is_month_closed, false) as is_month_closed,
    coalesce(months.is_open_month, false) as is_open_month,
    monthly.event_count,
    monthly.duration_seconds,
    monthly.volume_mb,
    monthly.rated_amount,
    monthly.currency_code
from monthly
left join {{ ref('int_month') }} as months
    on monthly.month = months.month
