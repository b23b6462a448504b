-- A document is known at the payment when it was issued before. What is open on it counts its signed lines and the
-- payments in order of time; write-offs are left out.
with billed as (

    select
        account_id,
        invoice_id,
        currency_code,
        min(issued_date) as issued_date,
        min(due_date) as due_date,
        sum(net_amount + tax_amount) as document_amount
    from {{ ref('int_invoice_line_posted') }}
    where document_type <> 'statement'
    group by account_id, invoice_id, currency_code

),

paid as (

    select
        *,
        sum(amount) over (
            partition by account_id, invoice_id, currency_code order by paid_at, payment_id rows unbounded preceding
        ) as running_amount
    from {{ ref('int_payment_posted') }}

)

select
    {{ surrogate_key(['paid.payment_id']) }} as payment_sk,
    paid.payment_id,
    paid.account_id,
    account.account_sk,
    account.customer_id as payer_customer_id,
    paid.invoice_id,
    paid.paid_at,
    paid.paid_date,
    paid.posted_month,
    paid.movement_type,
    paid.payment_method,
    paid.is_reversal,
    case
        when paid.movement_type <> 'payment' then paid.movement_type
        when paid.invoice_id is null then 'ahead'
        when billed.issued_date is null or billed.issued_date > paid.paid_date then 'before_bill'
        when paid.running_amount < billed.document_amount then 'partial'
        when paid.running_amount > billed.document_amount then 'over'
        else 'full'
    end as settlement_type,
    billed.issued_date as document_issued_date,
    billed.due_date as document_due_date,
    {{ dbt.datediff('billed.due_date', 'paid.paid_date', 'day') }} as after_due_days, -- noqa: LT05
    paid.currency_code,
    paid.amount,
    billed.document_amount,
    case when paid.invoice_id is not null then paid.running_amount end as document_paid_amount
from paid
left join billed
    on paid.account_id = billed.account_id
        and paid.invoice_id = billed.invoice_id
        and paid.currency_code = billed.currency_code
left join {{ ref('dim_account') }} as account
    on paid.account_id = account.account_id and {{ version_at('account', 'paid.paid_at') }}
