select
    consent_id,
    effective_at,
    customer_id,
    purpose_code,
    channel_code,
    is_granted
from {{ source('crm', 'consent') }}
