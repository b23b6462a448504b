-- Contacts, issues and answers to surveys, each in the month it counts in. An answer stands with the contact it is
-- about.
with contacts as (

    select
        posted_month as month,
        region_id,
        channel_code,
        direction,
        queue_code,
        topic_code,
        count(*) as offered_count,
        count(*) filter (where is_answered) as answered_count,
        count(*) filter (where not is_answered) as abandoned_count,
        count(*) filter (where is_answered_in_time) as answered_in_time_count,
        coalesce(sum(wait_seconds) filter (where is_answered), 0) as answer_wait_seconds,
        count(handle_seconds) filter (where is_answered) as handled_count,
        coalesce(sum(handle_seconds) filter (where is_answered), 0) as handle_seconds,
        count(*) filter (where is_resolved) as resolved_count
    from {{ ref('fct_interaction') }}
    group by posted_month, region_id, channel_code, direction, queue_code, topic_code

),

issues as (

    select
        issue_month as month,
        region_id,
        channel_code,
        direction,
        queue_code,
        topic_code,
        count(*) as issue_count,
        count(*) filter (where is_settled_at_first_contact) as issue_without_repeat_count
    from {{ ref('fct_interaction') }}
    where issue_month is not null
    group by issue_month, region_id, channel_code, direction, queue_code, topic_code

),

surveys as (

    select
        posted_month as month,
        region_id,
        touchpoint_code as channel_code,
        direction,
        queue_code,
        topic_code,
        count(*) filter (where is_satisfied is not null) as csat_count,
        coalesce(sum(score) filter (where is_satisfied is not null), 0) as csat_score_total,
        count(*) filter (where is_satisfied) as csat_satisfied_count,
        count(nps_group) as nps_count,
        count(*) filter (where nps_group = 'promoter') as nps_promoter_count,
        count(*) filter (where nps_group = 'detractor') as nps_detractor_count,
        count(*) filter (where not is_on_scale) as off_scale_count
    from {{ ref('fct_survey') }}
    group by posted_month, region_id, touchpoint_code, direction, queue_code, topic_code

),

{% set keys = ['month', 'region_id', 'channel_code', 'direction', 'queue_code', 'topic_code'] %}
{% set parts = {
    'contacts': [
        'offered_count', 'answered_count', 'abandoned_count', 'answered_in_time_count', 'answer_wait_seconds',
        'handled_count', 'handle_seconds', 'resolved_count'
    ],
    'issues': ['issue_count', 'issue_without_repeat_count'],
    'surveys': [
        'csat_count', 'csat_score_total', 'csat_satisfied_count', 'nps_count', 'nps_promoter_count',
        'nps_detractor_count', 'off_scale_count'
    ],
} %}
measures as (

    {% for part in parts %}
        select
            {% for other, columns in parts.items() -%}
                {% for column in columns -%}
                    {% if other == part %}{{ column }}{% else %}0{% endif %} as {{ column }},
                {% endfor -%}
            {% endfor -%}
            {{ keys | join(', ') }}
        from {{ part }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    measures.month,
    months.is_month_closed,
    months.is_open_month,
    measures.region_id,
    measures.channel_code,
    measures.direction,
    measures.queue_code,
    {% for columns in parts.values() -%}
        {% for column in columns -%}
            {{ sum_whole('measures.' ~ column) }} as {{ column }},
        {% endfor -%}
    {% endfor -%}
    measures.topic_code
from measures
inner join {{ ref('int_month') }} as months
    on measures.month = months.month
group by
    measures.month,
    months.is_month_closed,
    months.is_open_month,
    measures.region_id,
    measures.channel_code,
    measures.direction,
    measures.queue_code,
    measures.topic_code
