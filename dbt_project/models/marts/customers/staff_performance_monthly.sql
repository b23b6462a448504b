-- What each person did in a month, as far as the sources name who did it.
with staff as (

    select
        *,
        row_number() over (partition by staff_id order by effective_at desc) as recency
    from {{ ref('stg_crm__staff') }}
    where effective_at < {{ as_of_end_at() }}

),

opportunities as (

    select
        opportunity_id,
        owner_staff_id,
        min(effective_at) as won_at
    from {{ ref('stg_enterprise__opportunity') }}
    where stage_code = 'won' and effective_at < {{ as_of_end_at() }}
    group by opportunity_id, owner_staff_id

),

orders as (

    select
        order_id,
        max(staff_id) as staff_id,
        min(completed_at) as completed_at
    from {{ ref('stg_crm__order') }}
    where status_code = 'completed' and effective_at < {{ as_of_end_at() }}
    group by order_id

),

{% set counts = [
    'handled_count', 'resolved_count', 'handle_seconds', 'outbound_count', 'outbound_connect_count', 'issue_count',
    'issue_without_repeat_count', 'csat_count', 'csat_score_total', 'care_done_count', 'care_ended_count',
    'order_completed_count', 'opportunity_won_count'
] %}
{% set parts = [
    {
        'from': ref('fct_interaction'), 'staff': 'staff_id', 'month': 'posted_month', 'where': 'true',
        'counts': {
            'handled_count': "count(*) filter (where is_answered and direction = 'inbound')",
            'resolved_count': "count(*) filter (where is_resolved and direction = 'inbound')",
            'handle_seconds': "coalesce(sum(handle_seconds) filter (where is_answered and direction = 'inbound'), 0)",
            'outbound_count': "count(*) filter (where direction = 'outbound')",
            'outbound_connect_count': "count(*) filter (where direction = 'outbound' and is_answered)",
        },
    },
    {
        'from': ref('fct_interaction'), 'staff': 'staff_id', 'month': 'issue_month', 'where': 'issue_month is not null',
        'counts': {
            'issue_count': 'count(*)',
            'issue_without_repeat_count': 'count(*) filter (where is_settled_at_first_contact)',
        },
    },
    {
        'from': ref('fct_survey'), 'staff': 'staff_id', 'month': 'posted_month', 'where': 'is_satisfied is not null',
        'counts': {'csat_count': 'count(*)', 'csat_score_total': 'sum(score)'},
    },
    {
        'from': ref('fct_care_action'), 'staff': 'staff_id', 'month': month_of(local_date('ended_at')),
        'where': 'ended_at is not null',
        'counts': {'care_done_count': 'count(*) filter (where is_done)', 'care_ended_count': 'count(*)'},
    },
    {
        'from': 'orders', 'staff': 'staff_id', 'month': month_of(local_date('completed_at')), 'where': 'true',
        'counts': {'order_completed_count': 'count(*)'},
    },
    {
        'from': 'opportunities', 'staff': 'owner_staff_id', 'month': month_of(local_date('won_at')), 'where': 'true',
        'counts': {'opportunity_won_count': 'count(*)'},
    },
] %}
measures as (

    {% for part in parts %}
        select
            {{ part.staff }} as staff_id,
            {% for column in counts -%}
                {{ part.counts.get(column, 0) }} as {{ column }},
            {% endfor -%}
            {{ part.month }} as month
        from {{ part.from }}
        where {{ part.staff }} is not null and {{ part.where }}
        group by {{ part.staff }}, {{ part.month }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    measures.month,
    months.is_month_closed,
    months.is_open_month,
    measures.staff_id,
    coalesce(staff.role_code, 'unknown') as role_code,
    coalesce(staff.team_name, 'unknown') as team_name,
    coalesce(staff.region_id, 'unknown') as region_id,
    {% for column in counts -%}
        {{ sum_whole('measures.' ~ column) }} as {{ column }}{% if not loop.last %},{% endif %}
    {% endfor %}
from measures
inner join {{ ref('int_month') }} as months
    on measures.month = months.month
left join staff
    on measures.staff_id = staff.staff_id and staff.recency = 1
group by
    measures.month,
    months.is_month_closed,
    months.is_open_month,
    measures.staff_id,
    staff.role_code,
    staff.team_name,
    staff.region_id
