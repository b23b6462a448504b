-- The sums that the KPIs of service are made of, by month and slice. Calls are those of the queues in which people
-- phone.
with calls as (

    select
        posted_month as month,
        {{ slice_list() }},
        count(*) as offered_call_count,
        count(*) filter (where is_answered) as answered_call_count,
        count(*) filter (where not is_answered) as abandoned_call_count,
        count(*) filter (where is_answered_in_time) as call_in_time_count,
        coalesce(sum(wait_seconds) filter (where is_answered), 0) as call_wait_seconds,
        count(handle_seconds) filter (where is_answered) as handled_call_count,
        coalesce(sum(handle_seconds) filter (where is_answered), 0) as call_handle_seconds
    from {{ ref('int_interaction') }}
    where is_inbound_call
    group by posted_month, {{ slice_list() }}

),

outbound as (

    select
        posted_month as month,
        {{ slice_list() }},
        count(*) as outbound_contact_count,
        count(*) filter (where is_answered) as outbound_connect_count
    from {{ ref('int_interaction') }}
    where direction = 'outbound'
    group by posted_month, {{ slice_list() }}

),

issues as (

    select
        issue.issue_month as month,
        {{ slice_list('contact') }},
        count(*) as issue_count,
        count(*) filter (where not issue.is_repeated) as issue_without_repeat_count
    from {{ ref('int_contact_issue') }} as issue
    inner join {{ ref('int_interaction') }} as contact
        on issue.interaction_id = contact.interaction_id
    group by issue.issue_month, {{ slice_list('contact') }}

),

surveys as (

    select
        posted_month as month,
        {{ slice_list() }},
        count(*) filter (where survey_type = 'csat') as csat_count,
        coalesce(sum(score) filter (where survey_type = 'csat'), 0) as csat_score_total,
        count(*) filter (where survey_type = 'csat' and score >= 4) as csat_satisfied_count,
        count(*) filter (where survey_type = 'nps') as nps_count,
        count(*) filter (where survey_type = 'nps' and score >= 9)
        - count(*) filter (where survey_type = 'nps' and score <= 6) as nps_net_promoter_count
    from {{ ref('int_survey_response') }}
    where is_on_scale
    group by posted_month, {{ slice_list() }}

),

{% set parts = {
    'calls': [
        'offered_call_count', 'answered_call_count', 'abandoned_call_count', 'call_in_time_count', 'call_wait_seconds',
        'handled_call_count', 'call_handle_seconds'
    ],
    'outbound': ['outbound_contact_count', 'outbound_connect_count'],
    'issues': ['issue_count', 'issue_without_repeat_count'],
    'surveys': ['csat_count', 'csat_score_total', 'csat_satisfied_count', 'nps_count', 'nps_net_promoter_count'],
} %}
components as (

    {% for part in parts %}
        select
            {% for other, columns in parts.items() -%}
                {% for column in columns -%}
                    {% if other == part %}{{ column }}{% else %}0{% endif %} as {{ column }},
                {% endfor -%}
            {% endfor -%}
            month,
            {{ slice_list() }}
        from {{ part }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    month,
    '' as currency_code,
    {% for columns in parts.values() -%}
        {% for column in columns -%}
            cast(sum({{ column }}) as numeric) as {{ column }},
        {% endfor -%}
    {% endfor -%}
    {{ slice_list() }}
from components
group by month, {{ slice_list() }}
