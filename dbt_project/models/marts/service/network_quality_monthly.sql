-- What the network did, and beside it how the customers who use it fared. Several technologies serve one service line,
-- so that customers stand beside each of them: only measures of the network may be added over technologies.
with network as (

    select
        {{ month_of('quality.quality_date') }} as month,
        quality.region_id,
        quality.technology_code,
        target.service_line,
        count(*) as measured_day_count,
        count(*) filter (where quality.availability_ratio >= target.min_availability_rate) as target_met_day_count,
        count(*) filter (where quality.outage_minutes > 0) as outage_day_count,
        sum(quality.availability_ratio) / count(*) as availability_rate,
        sum(quality.drop_rate) / nullif(count(quality.drop_rate), 0) as drop_rate,
        sum(quality.throughput_mbps) / nullif(count(quality.throughput_mbps), 0) as throughput_mbps,
        sum(quality.latency_ms) / nullif(count(quality.latency_ms), 0) as latency_ms,
        {{ sum_whole('quality.outage_minutes') }} as outage_minutes,
        {{ sum_whole('quality.affected_subscription_count') }} as affected_line_day_count
    from {{ ref('stg_network__quality_daily') }} as quality
    cross join {{ ref('int_as_of_date') }} as as_of
    left join {{ ref('network_target') }} as target
        on quality.technology_code = target.technology_code
    where quality.quality_date <= as_of.as_of_date
    group by
        {{ month_of('quality.quality_date') }}, quality.region_id, quality.technology_code, target.service_line

),

lines as (

    select
        month,
        opening_region_id as region_id,
        opening_service_line as service_line,
        count(*) as opening_count,
        count(*) filter (where opening_churn_type = 'voluntary') as voluntary_churn_count
    from {{ ref('subscription_monthly') }}
    where is_opening
    group by month, opening_region_id, opening_service_line

),

tickets as (

    select
        opened_posted_month as month,
        region_id,
        service_line,
        count(*) as ticket_count,
        count(*) filter (where ticket_type = 'complaint') as complaint_count,
        count(*) filter (where cause_code in ('outage', 'coverage')) as network_ticket_count
    from {{ ref('fct_ticket') }}
    group by opened_posted_month, region_id, service_line

),

contacts as (

    select
        posted_month as month,
        region_id,
        service_line,
        count(*) filter (where topic_code in ('network', 'fault')) as network_contact_count
    from {{ ref('fct_interaction') }}
    where direction = 'inbound'
    group by posted_month, region_id, service_line

)

select
    network.month,
    months.is_month_closed,
    months.is_open_month,
    network.region_id,
    network.technology_code,
    coalesce(network.service_line, 'unknown') as service_line,
    network.measured_day_count,
    network.target_met_day_count,
    network.outage_day_count,
    cast(network.availability_rate as numeric(9, 6)) as availability_rate,
    cast(network.drop_rate as numeric(9, 6)) as drop_rate,
    cast(network.throughput_mbps as numeric(12, 3)) as throughput_mbps,
    cast(network.latency_ms as numeric(12, 3)) as latency_ms,
    network.outage_minutes,
    network.affected_line_day_count,
    coalesce(lines.opening_count, 0) as opening_count,
    coalesce(lines.voluntary_churn_count, 0) as opening_voluntary_churn_count,
    coalesce(tickets.ticket_count, 0) as ticket_count,
    coalesce(tickets.complaint_count, 0) as complaint_count,
    coalesce(tickets.network_ticket_count, 0) as network_ticket_count,
    coalesce(contacts.network_contact_count, 0) as network_contact_count
from network
inner join {{ ref('int_month') }} as months
    on network.month = months.month
left join lines
    on network.month = lines.month
        and network.region_id = lines.region_id
        and network.service_line = lines.service_line
left join tickets
    on network.month = tickets.month
        and network.region_id = tickets.region_id
        and network.service_line = tickets.service_line
left join contacts
    on network.month = contacts.month
        and network.region_id = contacts.region_id
        and network.service_line = contacts.service_line
