select
    payment_id,
    account_id,
    invoice_id,
    paid_at,
    amount,
    currency_code,
    payment_method,
    is_reversal
from {{ source('billing', 'payment') }}
