select
    payment.payment_id,
    payment.account_id,
    payment.invoice_id,
    payment.paid_at,
    payment.amount,
    payment.currency_code,
    payment.payment_method,
    payment.is_reversal,
    {{ local_date('payment.paid_at') }} as paid_date,
    load.business_date as _business_date,
    coalesce(load.period_from, load.business_date) as _period_from
from {{ source('billing', 'payment') }} as payment
inner join {{ source('ops', 'load') }} as load on payment._load_id = load.load_id
