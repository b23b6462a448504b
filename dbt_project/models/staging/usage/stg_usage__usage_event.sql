select
    event.event_id,
    event.msisdn_token,
    event.started_at,
    event.service_type,
    event.direction,
    event.network_type,
    event.roaming_type,
    event.other_operator,
    event.other_party_msisdn_token,
    event.duration_seconds,
    event.volume_bytes,
    coalesce(event.event_count, 1) as event_count,
    event.rated_amount,
    event.currency_code,
    event.sponsor_name,
    {{ local_date('event.started_at') }} as usage_date,
    event._load_id,
    load.business_date as _business_date,
    coalesce(load.period_from, load.business_date) as _period_from
from {{ source('usage', 'usage_event') }} as event
inner join {{ source('ops', 'load') }} as load
    on event._load_id = load.load_id
