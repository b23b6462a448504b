{{ config(pre_hook=large_memory()) }}
{{ by_partition('usage_date', 'day') }}
{%- set touched = touched_partitions({
    'stg_usage__usage_event': 'landed',
    'int_msisdn_validity': 'interval',
}) %}

-- Usage follows the subscription version that held the number at the instant of the event.
with resolved as (

    select
        event.usage_date,
        validity.subscription_id,
        validity.subscription_sk,
        event.service_type,
        event.direction,
        event.network_type,
        event.roaming_type,
        coalesce(event.currency_code, '') as currency_code,
        {{ sum_whole('event.event_count') }} as event_count,
        {{ sum_whole('event.duration_seconds') }} as duration_seconds,
        {{ sum_whole('event.volume_bytes') }} as volume_bytes,
        sum(event.rated_amount) as rated_amount
    from {{ ref('stg_usage__usage_event') }} as event
    left join {{ ref('int_msisdn_validity') }} as validity
        on event.msisdn_token = validity.msisdn_token
            and event.started_at >= validity.valid_from_at
            and event.started_at < validity.valid_to_at
    where event.started_at < {{ as_of_end_at() }}
        and {{ in_landed_days('event', 'usage_date', 'stg_usage__usage_event', touched) }}
    group by
        event.usage_date,
        validity.subscription_id,
        validity.subscription_sk,
        event.service_type,
        event.direction,
        event.network_type,
        event.roaming_type,
        coalesce(event.currency_code, '')

)

select
    resolved.usage_date,
    coalesce(resolved.subscription_id, 'unknown') as subscription_id,
    resolved.subscription_sk,
    resolved.service_type,
    resolved.direction,
    resolved.network_type,
    resolved.roaming_type,
    resolved.currency_code,
    resolved.event_count,
    resolved.duration_seconds,
    resolved.volume_bytes,
    resolved.rated_amount
from resolved
