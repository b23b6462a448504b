with period as (
    select (date_trunc('month', as_of_date) - interval '1 month')::date as month
    from marts.publication
    where is_current
),

complaints as (
    select ticket.region_id, ticket.service_line, count(*) as complaint_count
    from marts.fct_ticket as ticket
    inner join period on ticket.opened_posted_month = period.month
    where ticket.ticket_type = 'complaint'
    group by ticket.region_id, ticket.service_line
),

measured as (
    select
        quality.technology_code,
        quality.region_id,
        target.service_line,
        round(avg(quality.availability_ratio), 6) as availability_rate,
        round(avg(quality.drop_rate), 6) as drop_rate,
        sum(quality.outage_minutes) as outage_minutes,
        count(*) filter (where quality.availability_ratio >= target.min_availability_rate) as target_met_day_count,
        count(*) as measured_day_count
    from staging.stg_network__quality_daily as quality
    inner join period
        on quality.quality_date >= period.month and quality.quality_date < (period.month + interval '1 month')::date
    left join reference.network_target as target using (technology_code)
    group by quality.technology_code, quality.region_id, target.service_line
)

select
    measured.technology_code,
    measured.region_id,
    measured.availability_rate,
    measured.drop_rate,
    measured.outage_minutes,
    measured.target_met_day_count,
    measured.measured_day_count,
    coalesce(complaints.complaint_count, 0) as complaint_count
from measured
left join complaints using (region_id, service_line)
order by measured.technology_code, measured.availability_rate, measured.region_id
