select
    line.invoice_line_id,
    line.invoice_id,
    line.account_id,
    line.subscription_id,
    line.offer_id,
    line.document_type,
    line.charge_type,
    line.service_month,
    line.issued_at,
    line.due_date,
    line.net_amount,
    line.tax_amount,
    line.currency_code,
    {{ local_date('line.issued_at') }} as issued_date,
    line._load_id,
    load.business_date as _business_date
from {{ source('billing', 'invoice_line') }} as line
inner join {{ source('ops', 'load') }} as load on line._load_id = load.load_id
