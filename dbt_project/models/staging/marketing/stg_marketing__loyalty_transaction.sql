select
    loyalty_transaction_id,
    customer_id,
    subscription_id,
    occurred_at,
    transaction_type,
    points,
    expires_on_date,
    reason_code
from {{ source('marketing', 'loyalty_transaction') }}
