{{ config(pre_hook=large_memory()) }}

-- Usage follows the subscription version that held the number at the instant of the event.
with events as (

    select
        *,
        coalesce(currency_code, '') as event_currency_code
    from {{ ref('stg_usage__usage_event') }}
    where started_at < {{ as_of_end_at() }}

)

select
    events.usage_date,
    coalesce(validity.subscription_id, 'unknown') as subscription_id,
    validity.subscription_sk,
    events.service_type,
    events.direction,
    events.network_type,
    events.roaming_type,
    events.event_currency_code as currency_code,
    count(*) as event_count,
    {{ sum_whole('events.duration_seconds') }} as duration_seconds,
    {{ sum_whole('events.volume_bytes') }} as volume_bytes,
    sum(events.rated_amount) as rated_amount
from events
left join {{ ref('int_msisdn_validity') }} as validity
    on events.msisdn_token = validity.msisdn_token
        and events.started_at >= validity.valid_from_at
        and events.started_at < validity.valid_to_at
group by
    events.usage_date,
    validity.subscription_id,
    validity.subscription_sk,
    events.service_type,
    events.direction,
    events.network_type,
    events.roaming_type,
    events.event_currency_code
