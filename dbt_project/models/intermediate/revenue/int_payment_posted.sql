-- Payments with the month they count in, and what they are. A payment on a document that was written off before, with
-- nothing left open on it, recovers what was given up and is no payment of a receivable.
with written_off as (

    select
        account_id,
        invoice_id,
        currency_code,
        max(occurred_at) as written_off_at,
        sum(amount) as amount
    from {{ ref('int_collection_posted') }}
    where event_type = 'write_off'
    group by account_id, invoice_id, currency_code

),

billed as (

    select
        account_id,
        invoice_id,
        currency_code,
        sum(net_amount + tax_amount) as amount
    from {{ ref('int_invoice_line_posted') }}
    where document_type <> 'statement'
    group by account_id, invoice_id, currency_code

),

paid_before as (

    select
        payment.account_id,
        payment.invoice_id,
        payment.currency_code,
        sum(payment.amount) as amount
    from {{ ref('stg_billing__payment') }} as payment
    inner join written_off
        on payment.account_id = written_off.account_id
            and payment.invoice_id = written_off.invoice_id
            and payment.currency_code = written_off.currency_code
            and payment.paid_at < written_off.written_off_at
    group by payment.account_id, payment.invoice_id, payment.currency_code

),

given_up as (

    select
        written_off.account_id,
        written_off.invoice_id,
        written_off.currency_code,
        written_off.written_off_at
    from written_off
    left join billed
        on written_off.account_id = billed.account_id
            and written_off.invoice_id = billed.invoice_id
            and written_off.currency_code = billed.currency_code
    left join paid_before
        on written_off.account_id = paid_before.account_id
            and written_off.invoice_id = paid_before.invoice_id
            and written_off.currency_code = paid_before.currency_code
    where coalesce(billed.amount, 0) - coalesce(paid_before.amount, 0) - written_off.amount <= 0

)

select
    payment.payment_id,
    payment.account_id,
    payment.invoice_id,
    payment.paid_at,
    payment.paid_date,
    {{ posted_month('payment.paid_date', known_date('payment.paid_date', 'payment')) }} as posted_month,
    case
        when payment.paid_at >= given_up.written_off_at then 'recovery'
        when payment.is_reversal then 'reversal'
        else 'payment'
    end as movement_type,
    payment.is_reversal,
    payment.payment_method,
    payment.amount,
    payment.currency_code
from {{ ref('stg_billing__payment') }} as payment
left join given_up
    on payment.account_id = given_up.account_id
        and payment.invoice_id = given_up.invoice_id
        and payment.currency_code = given_up.currency_code
where payment.paid_at < {{ as_of_end_at() }}
