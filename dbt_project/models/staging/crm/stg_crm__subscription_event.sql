select
    event_id,
    subscription_id,
    event_type,
    occurred_at,
    reason_code,
    other_operator,
    {{ local_date('occurred_at') }} as occurred_date
from {{ source('crm', 'subscription_event') }}
