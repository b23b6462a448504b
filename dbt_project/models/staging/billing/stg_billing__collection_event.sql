select
    collection_event_id,
    account_id,
    invoice_id,
    subscription_id,
    occurred_at,
    event_type,
    amount,
    currency_code
from {{ source('billing', 'collection_event') }}
