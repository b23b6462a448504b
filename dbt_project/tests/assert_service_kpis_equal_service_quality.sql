-- Calls, issues and surveys by month and region: in the components of the KPIs and in the monthly mart.
with mart as (

    select
        quality.month,
        quality.region_id,
        coalesce(sum(quality.offered_count) filter (where queue.is_call_queue), 0) as offered_call_count,
        coalesce(sum(quality.answered_in_time_count) filter (where queue.is_call_queue), 0) as call_in_time_count,
        coalesce(sum(quality.offered_count) filter (where quality.direction = 'outbound'), 0) as outbound_contact_count,
        sum(quality.issue_count) as issue_count,
        sum(quality.issue_without_repeat_count) as issue_without_repeat_count,
        sum(quality.csat_score_total) as csat_score_total,
        sum(quality.nps_promoter_count - quality.nps_detractor_count) as nps_net_promoter_count
    from {{ ref('service_quality_monthly') }} as quality
    left join {{ ref('service_queue') }} as queue
        on quality.queue_code = queue.queue_code
    group by quality.month, quality.region_id

),

components as (

    select
        month,
        region_id
        {%- for column in [
            'offered_call_count', 'call_in_time_count', 'outbound_contact_count', 'issue_count',
            'issue_without_repeat_count', 'csat_score_total', 'nps_net_promoter_count'
        ] %},
            sum({{ column }}) as {{ column }}
        {%- endfor %}
    from {{ ref('int_service_kpi_component') }}
    group by month, region_id

)

(
    select * from mart
    except
    select * from components
)

union all

(
    select * from components
    except
    select * from mart
)
