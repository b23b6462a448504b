-- The latest state of each ticket, what happened to it, and whether its target was kept. The target is judged once, at
-- the instant it falls due: kept by a ticket that is resolved then. A reopening after that instant does not undo it,
-- and what is known only after the close of the month judged changes no judgement in it.
with states as (

    select
        ticket.*,
        row_number() over (partition by ticket.ticket_id order by ticket.effective_at desc) as recency,
        first_value(ticket.severity_code) over (
            partition by ticket.ticket_id order by ticket.effective_at
        ) as opening_severity_code
    from {{ ref('stg_care__ticket') }} as ticket
    where ticket.effective_at < {{ as_of_end_at() }}

),

events as (

    select
        ticket_id,
        max(occurred_at) filter (where event_type = 'opened') as opened_at,
        max(occurred_date) filter (where event_type = 'opened') as opened_date,
        max(known_date) filter (where event_type = 'opened') as known_date,
        max(posted_month) filter (where event_type = 'opened') as opened_posted_month,
        min(occurred_at) filter (where event_type = 'resolved') as first_resolved_at,
        max(occurred_at) filter (where event_type = 'resolved') as last_resolved_at,
        min(seconds_since_opening) filter (where event_type = 'resolved') as first_resolve_seconds,
        max(seconds_since_opening) filter (where event_type = 'resolved') as last_resolve_seconds,
        count(*) filter (where event_type = 'reopened') as reopened_count
    from {{ ref('int_ticket_event') }}
    group by ticket_id

),

targets as (

    select
        events.*,
        states.subscription_id,
        states.customer_id,
        states.ticket_type,
        states.cause_code,
        states.opening_severity_code,
        states.severity_code,
        states.region_id,
        states.status_code,
        target.target_hours,
        {{ dbt.dateadd('hour', 'target.target_hours', 'events.opened_at') }} as due_at
    from events
    inner join states
        on events.ticket_id = states.ticket_id and states.recency = 1
    left join {{ ref('ticket_target') }} as target
        on states.ticket_type = target.ticket_type and states.opening_severity_code = target.severity_code

),

dated as (

    select
        *,
        {{ local_date('due_at') }} as due_date
    from targets

),

due as (

    select
        *,
        {{ posted_month('due_date', 'greatest(due_date, known_date)') }} as due_posted_month
    from dated

),

closing as (

    select
        ticket_id,
        due_at,
        {{ close_date('due_posted_month') }} as close_date
    from due
    where due_at < {{ as_of_end_at() }}

),

judged as (

    select
        closing.ticket_id,
        count(*) filter (where event.event_type = 'resolved')
        > count(*) filter (where event.event_type = 'reopened') as is_sla_met
    from closing
    left join {{ ref('int_ticket_event') }} as event
        on closing.ticket_id = event.ticket_id
            and event.occurred_at <= closing.due_at
            and event.known_date <= closing.close_date
    group by closing.ticket_id

)

select
    due.ticket_id,
    due.customer_id,
    coalesce(customer.customer_type, 'unknown') as customer_type,
    due.subscription_id,
    version.subscription_sk,
    due.region_id,
    coalesce(monthly.closing_brand_name, version.brand_name, 'unknown') as brand_name,
    coalesce(monthly.closing_service_line, version.service_line, 'unknown') as service_line,
    coalesce(monthly.closing_plan_type, version.plan_type, 'unknown') as plan_type,
    coalesce(monthly.closing_value_tier, 'unknown') as value_tier,
    due.ticket_type,
    due.cause_code,
    due.opening_severity_code,
    due.severity_code,
    due.status_code,
    due.opened_at,
    due.opened_date,
    due.opened_posted_month,
    due.first_resolved_at,
    case when due.status_code = 'resolved' then due.last_resolved_at end as resolved_at,
    cast(due.reopened_count as integer) as reopened_count,
    due.first_resolve_seconds,
    case when due.status_code = 'resolved' then due.last_resolve_seconds end as resolve_seconds,
    due.target_hours,
    due.due_at,
    case when judged.is_sla_met is not null then due.due_posted_month end as due_posted_month,
    judged.is_sla_met
from due
left join judged
    on due.ticket_id = judged.ticket_id
left join {{ ref('dim_subscription') }} as version
    on due.subscription_id = version.subscription_id and {{ version_at('version', 'due.opened_at') }}
left join {{ ref('dim_customer') }} as customer
    on due.customer_id = customer.customer_id and {{ version_at('customer', 'due.opened_at') }}
left join {{ ref('subscription_monthly') }} as monthly
    on due.subscription_id = monthly.subscription_id and monthly.month = {{ month_of('due.opened_date') }}
