select
    account_id,
    effective_at,
    customer_id,
    currency_code,
    payment_method,
    is_paperless,
    billed_to_date_amount
from {{ source('crm', 'account') }}
