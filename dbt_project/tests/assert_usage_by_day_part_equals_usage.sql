-- The parts of the day add up to the month, by kind of usage.
with parts as (

    select
        month,
        service_type,
        direction,
        network_type,
        roaming_type,
        currency_code,
        sum(event_count) as event_count,
        sum(duration_seconds) as duration_seconds,
        sum(volume_mb) as volume_mb,
        sum(rated_amount) as rated_amount
    from {{ ref('usage_day_part_monthly') }}
    group by month, service_type, direction, network_type, roaming_type, currency_code

),

whole as (

    select
        month,
        service_type,
        direction,
        network_type,
        roaming_type,
        currency_code,
        sum(event_count) as event_count,
        sum(duration_seconds) as duration_seconds,
        sum(volume_mb) as volume_mb,
        sum(rated_amount) as rated_amount
    from {{ ref('usage_monthly') }}
    group by month, service_type, direction, network_type, roaming_type, currency_code

)

select
    coalesce(parts.month, whole.month) as month,
    coalesce(parts.service_type, whole.service_type) as service_type,
    parts.event_count as part_event_count,
    whole.event_count
from parts
full outer join whole
    on parts.month = whole.month
        and parts.service_type = whole.service_type
        and parts.direction = whole.direction
        and parts.network_type = whole.network_type
        and parts.roaming_type = whole.roaming_type
        and parts.currency_code = whole.currency_code
where parts.month is null
    or whole.month is null
    or parts.event_count <> whole.event_count
    or coalesce(parts.duration_seconds, 0) <> coalesce(whole.duration_seconds, 0)
    or coalesce(parts.volume_mb, 0) <> coalesce(whole.volume_mb, 0)
    or coalesce(parts.rated_amount, 0) <> coalesce(whole.rated_amount, 0)
