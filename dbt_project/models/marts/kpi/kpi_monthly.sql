-- One block per side of each metric that is marked as a KPI: what a KPI is stands in the metrics, and only there.
-- The models that hold the components; dbt cannot see them in the metrics.
-- depends_on: {{ ref('int_kpi_component_monthly') }}
{%- set kpis = kpi_definitions() %}
{%- set sides = [] %}
{%- for kpi in kpis %}
    {%- for name in ['numerator', 'denominator'] if kpi[name] %}
        {%- do sides.append({'kpi': kpi, 'name': name, 'of': kpi[name]}) %}
    {%- endfor %}
{%- endfor %}
with sides as (

    {% for side in sides %}
        select
            month,
            {{ slice_list() }},
            '{{ side.kpi.code }}' as kpi_code,
            {% if side.kpi.is_money %}currency_code{% else %}''{% endif %} as currency_code, -- noqa: AL09
            cast({{ side.of.expression if side.name == 'numerator' else 'null' }} as numeric) as numerator,
            cast({{ side.of.expression if side.name == 'denominator' else 'null' }} as numeric) as denominator
        from {{ ref(side.of.model) }}
        where
            ({{ side.of.expression }}) is not null
            {% if side.of.model == side.kpi.numerator.model %}
                and ({{ side.kpi.numerator.expression }}) is not null
            {% endif %}
            {% if side.kpi.is_money %}
                and currency_code <> ''
            {% endif %}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

kpis as (

    {% for kpi in kpis %}
        select
            '{{ kpi.code }}' as kpi_code,
            '{{ kpi.name }}' as kpi_name,
            '{{ kpi.unit }}' as unit,
            {{ 'true' if kpi.denominator else 'false' }} as is_ratio
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

delivered as (

    select distinct
        month,
        kpi_code
    from sides
    where numerator is not null

),

-- A KPI is missing in a month for which its numerator was not delivered.
months as (

    select
        delivered.month,
        delivered.kpi_code,
        kpis.kpi_name,
        kpis.unit,
        kpis.is_ratio,
        calendar.is_month_closed,
        calendar.is_open_month
    from delivered
    inner join kpis
        on delivered.kpi_code = kpis.kpi_code
    inner join {{ ref('int_month') }} as calendar
        on delivered.month = calendar.month

),

measured as (

    select
        sides.month,
        {{ slice_list('sides') }},
        sides.kpi_code,
        sides.currency_code,
        coalesce(sum(sides.numerator), 0) as numerator,
        case when months.is_ratio then coalesce(sum(sides.denominator), 0) end as denominator
    from sides
    inner join months
        on sides.month = months.month and sides.kpi_code = months.kpi_code
    group by sides.month, {{ slice_list('sides') }}, sides.kpi_code, sides.currency_code, months.is_ratio

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
