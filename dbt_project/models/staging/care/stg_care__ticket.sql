select
    ticket.ticket_id,
    ticket.effective_at,
    ticket.subscription_id,
    ticket.customer_id,
    ticket.ticket_type,
    ticket.cause_code,
    ticket.opened_at,
    ticket.resolved_at,
    ticket.status_code,
    ticket.region_id,
    ticket.severity_code,
    load.business_date as _business_date,
    coalesce(load.period_from, load.business_date) as _period_from
from {{ source('care', 'ticket') }} as ticket
inner join {{ source('ops', 'load') }} as load on ticket._load_id = load.load_id
