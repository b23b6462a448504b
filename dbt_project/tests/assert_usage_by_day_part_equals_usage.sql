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

(select * from parts except select * from whole)
union all
(select * from whole except select * from parts)
