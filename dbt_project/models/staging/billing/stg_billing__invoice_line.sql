select
    invoice_line_id,
    invoice_id,
    account_id,
    subscription_id,
    offer_id,
    document_type,
    charge_type,
    service_month,
    issued_at,
    net_amount,
    tax_amount,
    currency_code,
    {{ local_date('issued_at') }} as issued_date,
    _business_date
from {{ source('billing', 'invoice_line') }}
