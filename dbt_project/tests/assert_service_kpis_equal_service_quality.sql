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
        region_id,
        sum(offered_call_count) as offered_call_count,
        sum(call_in_time_count) as call_in_time_count,
        sum(outbound_contact_count) as outbound_contact_count,
        sum(issue_count) as issue_count,
        sum(issue_without_repeat_count) as issue_without_repeat_count,
        sum(csat_score_total) as csat_score_total,
        sum(nps_net_promoter_count) as nps_net_promoter_count
    from {{ ref('int_service_kpi_component') }}
    group by month, region_id

)

select
    mart.month as mart_month,
    components.month as component_month,
    coalesce(mart.region_id, components.region_id) as region_id
from mart
full outer join components
    on mart.month = components.month and mart.region_id = components.region_id
-- A region may have had neither calls nor issues nor surveys: it has no component then, and nothing but 0 in the mart.
where
    {%- for column in [
        'offered_call_count', 'call_in_time_count', 'outbound_contact_count', 'issue_count', 'issue_without_repeat_count',
        'csat_score_total', 'nps_net_promoter_count'
    ] %}
        coalesce(mart.{{ column }}, 0) <> coalesce(components.{{ column }}, 0)
        {% if not loop.last %}or{% endif %}
    {%- endfor %}
