-- One block per metric that metrics.yml marks as a KPI: what a KPI is stands there, and only there.
-- depends_on: {{ ref('int_kpi_component_monthly') }}
{%- set kpis = kpi_definitions() %}
with components as (

    select * from {{ ref('int_kpi_component_monthly') }}

),

measured as (

    {% for kpi in kpis %}
        select
            month,
            {{ slice_list() }},
            '{{ kpi.code }}' as kpi_code,
            '{{ kpi.name }}' as kpi_name,
            {% if kpi.is_money %}currency_code{% else %}''{% endif %} as currency_code, -- noqa: AL09
            '{{ kpi.unit }}' as unit,
            is_month_closed,
            is_open_month,
            sum({{ kpi.numerator }}) as numerator,
            {% if kpi.denominator %}sum({{ kpi.denominator }}){% else %}cast(null as numeric){% endif %} as denominator
        from components
        where ({{ kpi.numerator }}) is not null{% if kpi.is_money %} and currency_code <> ''{% endif %}
        group by
            month, {{ slice_list() }}{% if kpi.is_money %}, currency_code{% endif %}, is_month_closed, is_open_month
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

months as (

    select distinct
        month,
        kpi_code,
        kpi_name,
        unit,
        is_month_closed,
        is_open_month,
        denominator is not null as is_ratio
    from measured

),

-- A slice that has emptied since last month or last year keeps its row, so that their totals are complete too.
slices as (

    {% for offset in [0, 1, 12] %}
        select
            {{ date_plus('month', offset, 'month') }} as month,
            {{ slice_list() }},
            kpi_code,
            currency_code
        from measured
        {% if not loop.last %}union{% endif %}
    {% endfor %}

)

select
    slices.month,
    {{ slice_list('slices') }},
    slices.kpi_code,
    months.kpi_name,
    slices.currency_code,
    months.unit,
    months.is_month_closed,
    months.is_open_month,
    coalesce(this_month.numerator, 0) as numerator,
    case when months.is_ratio then coalesce(this_month.denominator, 0) end as denominator,
    last_month.numerator as numerator_last_month,
    last_month.denominator as denominator_last_month,
    last_year.numerator as numerator_last_year,
    last_year.denominator as denominator_last_year
from slices
inner join months
    on slices.month = months.month and slices.kpi_code = months.kpi_code
{%- for alias, offset in [('this_month', 0), ('last_month', 1), ('last_year', 12)] %}
    left join measured as {{ alias }}
        on slices.month = {{ date_plus(alias ~ '.month', offset, 'month') }}
            and {{ slice_equal('slices', alias) }}
            and slices.kpi_code = {{ alias }}.kpi_code
            and slices.currency_code = {{ alias }}.currency_code
{%- endfor %}
