-- The backlog of a month is that of the month before plus what was opened and reopened less what was resolved; its last
-- is the tickets now open, and every ticket landed was opened once.
with months as (

    select
        calendar.month,
        coalesce(sum(sla.opened_count), 0) as opened_count,
        coalesce(sum(sla.reopened_count), 0) as reopened_count,
        coalesce(sum(sla.resolved_count), 0) as resolved_count,
        coalesce(sum(sla.backlog_count), 0) as backlog_count
    from {{ ref('int_month') }} as calendar
    left join {{ ref('sla_monthly') }} as sla
        on calendar.month = sla.month and sla.sla_type = 'ticket'
    group by calendar.month

),

rolled as (

    select
        month,
        backlog_count,
        coalesce(lag(backlog_count) over (order by month), 0)
        + opened_count
        + reopened_count
        - resolved_count as expected_count
    from months

),

landed as (

    select count(distinct ticket_id) as ticket_count
    from {{ ref('stg_care__ticket') }}
    where effective_at < {{ as_of_end_at() }}

),

facts as (

    select
        count(*) as ticket_count,
        count(*) filter (where status_code <> 'resolved') as open_count
    from {{ ref('fct_ticket') }}

)

select
    'roll-forward of ' || month as what,
    backlog_count as found,
    expected_count as expected
from rolled
where backlog_count <> expected_count

union all

select
    'tickets now open' as what,
    months.backlog_count as found,
    facts.open_count as expected
from months
cross join facts
where months.month = (select max(latest.month) from months as latest) and months.backlog_count <> facts.open_count

union all

select
    'tickets landed' as what,
    facts.ticket_count as found,
    landed.ticket_count as expected
from facts
cross join landed
where facts.ticket_count <> landed.ticket_count

union all

select
    'tickets opened' as what,
    opened.opened_count as found,
    landed.ticket_count as expected
from (select sum(opened_count) as opened_count from months) as opened
cross join landed
where opened.opened_count <> landed.ticket_count
