-- Who has taken up a service at the end of the month, who is new among them, who gave it up and who left with it.
-- Without a month before to compare with nothing is new or given up.
{% set slices = ['region_id', 'brand_name', 'service_line', 'plan_type', 'value_tier'] -%}
{% set closing_slice -%}
    {%- for column in slices %}line.closing_{{ column }} as {{ column }}{% if not loop.last %},
        {% endif %}{% endfor -%}
{%- endset -%}
with services as (

    select
        service_code,
        service_name,
        adoption_source,
        service_line,
        adoption_source in ('usage', 'roaming') as is_told_by_usage
    from {{ ref('new_service') }}

    union all

    select
        offer_id as service_code,
        offer_name as service_name,
        'offer' as adoption_source,
        service_line,
        false as is_told_by_usage
    from {{ ref('dim_offer') }}
    where is_current and offer_type in ('addon', 'bundle')

),

known_months as (

    select
        services.service_code,
        services.service_name,
        services.adoption_source,
        services.service_line,
        months.month,
        months.is_month_closed,
        months.is_open_month,
        previous.month is not null and (not services.is_told_by_usage or previous.is_usage_delivered) as is_comparable
    from services
    inner join {{ ref('int_month') }} as months
        on not services.is_told_by_usage or months.is_usage_delivered
    left join {{ ref('int_month') }} as previous
        on months.month = {{ date_plus('previous.month', 1, 'month') }}

),

lines as (

    select
        line.month,
        line.subscription_id,
        {{ closing_slice }},
        line.is_closing
    from {{ ref('subscription_monthly') }} as line

),

base as (

    select
        month,
        {{ slice_list() }},
        count(*) as eligible_count
    from lines
    where is_closing
    group by month, {{ slice_list() }}

),

-- A line that changed to another service line since then does not come here again: it gave up the service.
pairs as (

    select
        month,
        subscription_id,
        service_code,
        true as is_adopter,
        false as was_adopter
    from {{ ref('int_new_service_month') }}

    union all

    select
        {{ date_plus('month', 1, 'month') }} as month,
        subscription_id,
        service_code,
        false as is_adopter,
        true as was_adopter
    from {{ ref('int_new_service_month') }}

),

states as (

    select
        month,
        subscription_id,
        service_code,
        {{ dbt.bool_or('is_adopter') }} as is_adopter,
        {{ dbt.bool_or('was_adopter') }} as was_adopter
    from pairs
    group by month, subscription_id, service_code

),

moves as (

    select
        states.month,
        states.service_code,
        {{ slice_list('lines') }},
        count(case when states.is_adopter then 1 end) as adopter_count,
        count(case when states.is_adopter and not states.was_adopter then 1 end) as new_adopter_count,
        count(case when not states.is_adopter and lines.is_closing then 1 end) as dropped_count,
        count(case when not states.is_adopter and not lines.is_closing then 1 end) as left_count
    from states
    inner join lines
        on states.month = lines.month and states.subscription_id = lines.subscription_id
    group by states.month, states.service_code, {{ slice_list('lines') }}

),

-- Added up rather than joined: a slice may have lines and no adopter, or only one who left it.
counts as (

    select
        base.month,
        known_months.service_code,
        {{ slice_list('base') }},
        base.eligible_count,
        0 as adopter_count,
        0 as new_adopter_count,
        0 as dropped_count,
        0 as left_count
    from base
    inner join known_months
        on base.month = known_months.month and base.service_line = known_months.service_line

    union all

    select
        month,
        service_code,
        {{ slice_list() }},
        0 as eligible_count,
        adopter_count,
        new_adopter_count,
        dropped_count,
        left_count
    from moves

)

select
    counts.month,
    {{ slice_list('counts') }},
    counts.service_code,
    known_months.service_name,
    known_months.adoption_source,
    known_months.is_month_closed,
    known_months.is_open_month,
    {{ sum_whole('counts.eligible_count') }} as eligible_count,
    {{ sum_whole('counts.adopter_count') }} as adopter_count,
    case when known_months.is_comparable then {{ sum_whole('counts.new_adopter_count') }} end as new_adopter_count,
    case when known_months.is_comparable then {{ sum_whole('counts.dropped_count') }} end as dropped_count,
    case when known_months.is_comparable then {{ sum_whole('counts.left_count') }} end as left_count
from counts
inner join known_months
    on counts.month = known_months.month and counts.service_code = known_months.service_code
group by
    counts.month,
    {{ slice_list('counts') }},
    counts.service_code,
    known_months.service_name,
    known_months.adoption_source,
    known_months.is_month_closed,
    known_months.is_open_month,
    known_months.is_comparable
