-- Tickets and their targets, and the days of the network and theirs. Each event of a ticket counts in the month it is
-- posted to; the backlog is what had been opened or reopened by the end of the month and not resolved.
with ticket_events as (

    select
        event.posted_month as month,
        ticket.region_id,
        ticket.customer_type,
        'ticket' as sla_type,
        ticket.ticket_type as sla_subject,
        ticket.opening_severity_code as severity_code,
        count(*) filter (where event.event_type = 'opened') as opened_count,
        count(*) filter (where event.event_type = 'resolved') as resolved_count,
        count(*) filter (where event.event_type = 'reopened') as reopened_count,
        coalesce(sum(event.seconds_since_opening) filter (where event.event_type = 'resolved'), 0) as resolve_seconds,
        0 as due_count,
        0 as met_count
    from {{ ref('int_ticket_event') }} as event
    inner join {{ ref('fct_ticket') }} as ticket
        on event.ticket_id = ticket.ticket_id
    group by
        event.posted_month,
        ticket.region_id,
        ticket.customer_type,
        ticket.ticket_type,
        ticket.opening_severity_code

),

ticket_targets as (

    select
        due_posted_month as month,
        region_id,
        customer_type,
        'ticket' as sla_type,
        ticket_type as sla_subject,
        opening_severity_code as severity_code,
        0 as opened_count,
        0 as resolved_count,
        0 as reopened_count,
        0 as resolve_seconds,
        count(*) as due_count,
        count(*) filter (where is_sla_met) as met_count
    from {{ ref('fct_ticket') }}
    where is_sla_met is not null
    group by due_posted_month, region_id, customer_type, ticket_type, opening_severity_code

),

network_days as (

    select
        {{ month_of('quality.quality_date') }} as month,
        quality.region_id,
        'all' as customer_type,
        'network' as sla_type,
        quality.technology_code as sla_subject,
        'all' as severity_code,
        cast(null as bigint) as opened_count,
        cast(null as bigint) as resolved_count,
        cast(null as bigint) as reopened_count,
        cast(null as bigint) as resolve_seconds,
        count(*) as due_count,
        count(*) filter (where quality.availability_ratio >= target.min_availability_rate) as met_count
    from {{ ref('stg_network__quality_daily') }} as quality
    inner join {{ ref('network_target') }} as target
        on quality.technology_code = target.technology_code
    cross join {{ ref('int_as_of_date') }} as as_of
    where quality.quality_date <= as_of.as_of_date
    group by {{ month_of('quality.quality_date') }}, quality.region_id, quality.technology_code

),

{% set keys = ['region_id', 'customer_type', 'sla_type', 'sla_subject', 'severity_code'] %}
{% set counts = [
    'opened_count', 'resolved_count', 'reopened_count', 'resolve_seconds', 'due_count', 'met_count'
] %}
measures as (

    select * from ticket_events
    union all
    select * from ticket_targets
    union all
    select * from network_days

),

monthly as (

    select
        month,
        {% for column in counts -%}
            {{ sum_whole(column) }} as {{ column }},
        {% endfor -%}
        {{ keys | join(', ') }}
    from measures
    group by month, {{ keys | join(', ') }}

),

-- A month in which nothing happened still has the backlog of the months before.
months_seen as (

    select
        first_month.*,
        months.month,
        months.is_month_closed,
        months.is_open_month
    from (
        select
            {{ keys | join(', ') }},
            min(month) as first_seen_month
        from monthly
        group by {{ keys | join(', ') }}
    ) as first_month
    inner join {{ ref('int_month') }} as months
        on first_month.first_seen_month <= months.month

),

with_backlog as (

    select
        seen.month,
        seen.is_month_closed,
        seen.is_open_month,
        {%- for key in keys %}
            seen.{{ key }},
        {%- endfor %}
        {%- for column in counts %}
            case when seen.sla_type = 'ticket' then coalesce(monthly.{{ column }}, 0) else monthly.{{ column }} end
                as {{ column }},
        {%- endfor %}
        case
            when seen.sla_type = 'ticket' then
                sum(
                    coalesce(monthly.opened_count, 0)
                    + coalesce(monthly.reopened_count, 0)
                    - coalesce(monthly.resolved_count, 0)
                ) over (
                    partition by
                        seen.region_id, seen.customer_type, seen.sla_type, seen.sla_subject, seen.severity_code
                    order by seen.month
                    rows unbounded preceding
                )
        end as backlog_count
    from months_seen as seen
    left join monthly
        on seen.month = monthly.month
            and seen.region_id = monthly.region_id
            and seen.customer_type = monthly.customer_type
            and seen.sla_type = monthly.sla_type
            and seen.sla_subject = monthly.sla_subject
            and seen.severity_code = monthly.severity_code

)

select
    month,
    is_month_closed,
    is_open_month,
    {{ keys | join(', ') }},
    opened_count,
    resolved_count,
    reopened_count,
    cast(backlog_count as bigint) as backlog_count,
    resolve_seconds,
    due_count,
    met_count
from with_backlog
where
    due_count > 0
    or opened_count > 0
    or resolved_count > 0
    or reopened_count > 0
    or backlog_count <> 0
