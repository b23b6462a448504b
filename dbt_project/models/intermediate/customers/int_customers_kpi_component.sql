-- The sums behind core retention and penetration, by month and slice. Core retention counts at the slice of the base
-- month, a year before; a month without a base a year before has none. Of penetration the lines count at their closing
-- slice, and who could have one at the region alone.
with retention as (

    select
        observed_month as month,
        {{ slice_list() }},
        cast(sum(core_count) as numeric) as core_count,
        cast(sum(retained_count) as numeric) as retained_core_count,
        cast(sum(value_retained_count) as numeric) as value_retained_core_count,
        cast(sum(case when market_type = 'group' then core_count else 0 end) as numeric) as group_core_count,
        cast(sum(case when market_type = 'group' then retained_count else 0 end) as numeric)
            as retained_group_core_count,
        cast(sum(case when market_type = 'group' then value_retained_count else 0 end) as numeric)
            as value_retained_group_core_count
    from {{ ref('core_retention_monthly') }}
    where months_since_base = {{ var('core_retention_months') }}
    group by observed_month, {{ slice_list() }}

),

lines as (

    select
        month,
        {{ slice_list(prefix='closing_', rename=true) }},
        cast(count(case when closing_service_line = 'mobile' then 1 end) as numeric) as mobile_line_count,
        cast(count(case when closing_service_line = 'broadband' then 1 end) as numeric) as broadband_line_count,
        cast(count(case when market_type = 'group' then 1 end) as numeric) as group_line_count
    from {{ ref('subscription_monthly') }}
    where is_closing
    group by month, {{ slice_list(prefix='closing_') }}

),

components as (

    select
        month,
        {{ slice_list() }},
        core_count,
        retained_core_count,
        value_retained_core_count,
        group_core_count,
        retained_group_core_count,
        value_retained_group_core_count,
        cast(null as numeric) as mobile_line_count,
        cast(null as numeric) as broadband_line_count,
        cast(null as numeric) as group_line_count,
        cast(null as numeric) as population,
        cast(null as numeric) as households,
        cast(null as numeric) as firms
    from retention

    union all

    select
        month,
        {{ slice_list() }},
        cast(null as numeric) as core_count,
        cast(null as numeric) as retained_core_count,
        cast(null as numeric) as value_retained_core_count,
        cast(null as numeric) as group_core_count,
        cast(null as numeric) as retained_group_core_count,
        cast(null as numeric) as value_retained_group_core_count,
        mobile_line_count,
        broadband_line_count,
        group_line_count,
        cast(0 as numeric) as population,
        cast(0 as numeric) as households,
        cast(0 as numeric) as firms
    from lines

    union all

    select
        month,
        region_id,
        {%- for column in slice_columns() if column != 'region_id' %}
            'unknown' as {{ column }},
        {%- endfor %}
        cast(null as numeric) as core_count,
        cast(null as numeric) as retained_core_count,
        cast(null as numeric) as value_retained_core_count,
        cast(null as numeric) as group_core_count,
        cast(null as numeric) as retained_group_core_count,
        cast(null as numeric) as value_retained_group_core_count,
        cast(0 as numeric) as mobile_line_count,
        cast(0 as numeric) as broadband_line_count,
        cast(0 as numeric) as group_line_count,
        population,
        households,
        firms
    from {{ ref('int_region_month') }}

)

select
    month,
    '' as currency_code, -- noqa: AL09
    {{ slice_list() }},
    {%- for column in [
        'core_count', 'retained_core_count', 'value_retained_core_count', 'group_core_count', 'retained_group_core_count',
        'value_retained_group_core_count', 'mobile_line_count', 'broadband_line_count', 'group_line_count', 'population', 'households', 'firms'
    ] %}
        sum({{ column }}) as {{ column }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from components
group by month, {{ slice_list() }}
