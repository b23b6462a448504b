-- Dunning events with the month they count in: their own while it is open, else the earliest one open when they came.
select
    event.collection_event_id,
    event.account_id,
    event.invoice_id,
    event.subscription_id,
    event.occurred_at,
    event.occurred_date,
    {{ posted_month('event.occurred_date', known_date('event.occurred_date', 'event')) }} as posted_month,
    event.event_type,
    event.amount,
    event.currency_code
from {{ ref('stg_billing__collection_event') }} as event
where event.occurred_at < {{ as_of_end_at() }}
