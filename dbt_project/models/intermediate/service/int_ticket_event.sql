-- The life of each ticket as events: opened once, then resolved and reopened in turn. A resolution counts when it was
-- made, whenever it was written down.
with states as (

    select
        ticket.*,
        lag(ticket.status_code) over (
            partition by ticket.ticket_id order by ticket.effective_at
        ) as previous_status_code,
        row_number() over (partition by ticket.ticket_id order by ticket.effective_at) as state_number,
        first_value(ticket.opened_at) over (
            partition by ticket.ticket_id order by ticket.effective_at
        ) as first_opened_at
    from {{ ref('stg_care__ticket') }} as ticket
    where ticket.effective_at < {{ as_of_end_at() }}

),

events as (

    select
        ticket_id,
        'opened' as event_type,
        first_opened_at as occurred_at,
        first_opened_at,
        _business_date,
        _period_from
    from states
    where state_number = 1

    union all

    select
        ticket_id,
        'resolved' as event_type,
        coalesce(resolved_at, effective_at) as occurred_at,
        first_opened_at,
        _business_date,
        _period_from
    from states
    where status_code = 'resolved' and coalesce(previous_status_code, 'open') <> 'resolved'

    union all

    select
        ticket_id,
        'reopened' as event_type,
        effective_at as occurred_at,
        first_opened_at,
        _business_date,
        _period_from
    from states
    where status_code <> 'resolved' and previous_status_code = 'resolved'

),

dated as (

    select
        events.*,
        {{ local_date('events.occurred_at') }} as occurred_date
    from events

),

known as (

    select
        dated.*,
        {{ known_date('dated.occurred_date', 'dated') }} as known_date
    from dated

)

select
    ticket_id,
    event_type,
    row_number() over (partition by ticket_id, event_type order by occurred_at) as event_number,
    occurred_at,
    occurred_date,
    known_date,
    {{ posted_month('occurred_date', 'known_date') }} as posted_month,
    cast(
        {{ dbt.datediff('first_opened_at', 'occurred_at', 'second') }} as bigint -- noqa: LT05
    ) as seconds_since_opening
from known
