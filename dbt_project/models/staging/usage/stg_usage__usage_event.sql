select
    event_id,
    msisdn_token,
    started_at,
    service_type,
    direction,
    network_type,
    roaming_type,
    other_operator,
    other_party_msisdn_token,
    duration_seconds,
    volume_bytes,
    coalesce(event_count, 1) as event_count,
    rated_amount,
    currency_code,
    sponsor_name,
    {{ local_date('started_at') }} as usage_date,
    _load_id
from {{ source('usage', 'usage_event') }}
