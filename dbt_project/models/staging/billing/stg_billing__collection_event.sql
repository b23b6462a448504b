select
    event.collection_event_id,
    event.account_id,
    event.invoice_id,
    event.subscription_id,
    event.occurred_at,
    event.event_type,
    event.amount,
    event.currency_code,
    {{ local_date('event.occurred_at') }} as occurred_date,
    load.business_date as _business_date,
    coalesce(load.period_from, load.business_date) as _period_from
from {{ source('billing', 'collection_event') }} as event
inner join {{ source('ops', 'load') }} as load on event._load_id = load.load_id
