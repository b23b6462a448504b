select
    ticket_id,
    effective_at,
    subscription_id,
    customer_id,
    ticket_type,
    cause_code,
    opened_at,
    resolved_at,
    status_code,
    region_id,
    severity_code
from {{ source('care', 'ticket') }}
