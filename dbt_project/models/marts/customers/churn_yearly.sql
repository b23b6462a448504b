-- Churn of the twelve months that end with a month: 1 - the product of what each of them kept, and beside it the rate
-- of the month drawn out to a year. Rates of parts do not add up, so each slice has lines of its own, as has the whole.
{% set slices = ['all'] + slice_columns() -%}
{%- set kinds = ['all', 'voluntary', 'involuntary', 'inactive'] -%}
with movement as (

    select
        month,
        {{ slice_list() }},
        opening_count,
        opening_voluntary_churn_count + opening_involuntary_churn_count + opening_inactive_churn_count
            as all_count,
        opening_voluntary_churn_count as voluntary_count,
        opening_involuntary_churn_count as involuntary_count,
        opening_inactive_churn_count as inactive_count
    from {{ ref('base_movement_monthly') }}
    where not is_open_month

),

sliced as (

    {% for slice in slices %}
        select
            month,
            '{{ slice }}' as slice_name,
            {{ "'all'" if slice == 'all' else slice }} as slice_value,
            {%- for kind in kinds %}
                sum({{ kind }}_count) as {{ kind }}_count,
            {%- endfor %}
            sum(opening_count) as opening_count
        from movement
        group by month{% if slice != 'all' %}, {{ slice }}{% endif %}
        having sum(opening_count) > 0
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

of_kind as (

    {% for kind in kinds %}
        select
            month,
            slice_name,
            slice_value,
            '{{ kind }}' as churn_type,
            opening_count,
            {{ kind }}_count as churned_count,
            1 - cast({{ kind }}_count as double precision) / opening_count as kept_share
        from sliced
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- A month that lost everybody has no logarithm: the year has kept nobody.
year_of as (

    select
        *,
        count(*) over year_window as month_count,
        min(month) over year_window as first_month,
        min(kept_share) over year_window as least_kept_share,
        sum(ln(case when kept_share > 0 then kept_share else 1 end)) over year_window as log_kept_share
    from of_kind
    window year_window as (
        partition by slice_name, slice_value, churn_type
        order by month
        rows between 11 preceding and current row
    )

)

select
    month,
    slice_name,
    slice_value,
    churn_type,
    cast(opening_count as bigint) as opening_count,
    cast(churned_count as bigint) as churned_count,
    cast(1 - kept_share as numeric(12, 10)) as monthly_churn_rate,
    cast(1 - power(kept_share, 12) as numeric(12, 10)) as annualised_churn_rate,
    case
        when month_count < 12 or first_month < {{ date_plus('month', -11, 'month') }} then null
        when least_kept_share = 0 then 1
        else cast(1 - exp(log_kept_share) as numeric(12, 10))
    end as yearly_churn_rate
from year_of
