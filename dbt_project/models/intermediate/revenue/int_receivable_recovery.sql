-- Money that came in for debts written off: recovery events, and payments on documents given up of which no recovery
-- event is delivered (one that is speaks of the same money).
with events as (

    select
        account_id,
        currency_code,
        posted_month,
        invoice_id,
        amount
    from {{ ref('int_collection_posted') }}
    where event_type = 'recovery'

),

payments as (

    select
        payment.account_id,
        payment.currency_code,
        payment.posted_month,
        payment.invoice_id,
        payment.amount
    from {{ ref('int_payment_posted') }} as payment
    where payment.movement_type = 'recovery'
        and not exists (
            select 1
            from events
            where events.account_id = payment.account_id
                and events.invoice_id = payment.invoice_id
                and events.currency_code = payment.currency_code
        )

),

recoveries as (

    select * from events
    union all
    select * from payments

)

select
    account_id,
    currency_code,
    posted_month,
    invoice_id,
    sum(amount) as recovered_amount
from recoveries
group by account_id, currency_code, posted_month, invoice_id
