-- One block per side of each metric that is marked as a KPI: what a KPI is stands in the metrics, and only there.
-- The models that hold the components; dbt cannot see them in the metrics.
-- depends_on: {{ ref('int_kpi_component_monthly') }}
-- depends_on: {{ ref('int_profit_kpi_component') }}
-- depends_on: {{ ref('int_service_kpi_component') }}
-- depends_on: {{ ref('int_marketing_kpi_component') }}
-- depends_on: {{ ref('int_revenue_kpi_component') }}
-- depends_on: {{ ref('int_customers_kpi_component') }}
{%- set kpis = kpi_definitions() %}
{%- set comparisons = [('_this_month', 0), ('_last_month', 1), ('_last_year', 12)] %}
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
            {{ dbt.string_literal(dbt.escape_single_quotes(kpi.name)) }} as kpi_name,
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

-- A month and those it is compared with, brought together by grouping: planners misjudge a join on so many columns. A
-- slice that has emptied since last month or last year keeps its row, so that their totals are complete too.
spread as (

    {% for name, offset in comparisons %}
        select
            {{ date_plus('month', offset, 'month') }} as month,
            {{ slice_list() }},
            kpi_code,
            currency_code,
            {%- for other, _ in comparisons %}
                {% if other == name %}numerator{% else %}cast(null as numeric){% endif %} as numerator{{ other }},
                {% if other == name %}denominator{% else %}cast(null as numeric){% endif %} as denominator{{ other }}
                {%- if not loop.last %},{% endif %}
            {%- endfor %}
        from measured
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

slices as (

    select
        month,
        {{ slice_list() }},
        kpi_code,
        currency_code,
        {%- for name, _ in comparisons %}
            max(numerator{{ name }}) as numerator{{ name }},
            max(denominator{{ name }}) as denominator{{ name }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from spread
    group by month, {{ slice_list() }}, kpi_code, currency_code

),

compared as (

    select
        slices.month,
        {{ slice_list('slices') }},
        slices.kpi_code,
        months.kpi_name,
        slices.currency_code,
        months.unit,
        months.is_month_closed,
        months.is_open_month,
        coalesce(slices.numerator_this_month, 0) as numerator,
        case when months.is_ratio then coalesce(slices.denominator_this_month, 0) end as denominator,
        slices.numerator_last_month,
        slices.denominator_last_month,
        slices.numerator_last_year,
        slices.denominator_last_year
    from slices
    inner join months
        on slices.month = months.month and slices.kpi_code = months.kpi_code

),

-- Every target that covers a slice, the closest first. That of a ratio is the ratio wanted; that of a sum is shared
-- among all slices it covers as the opening base is, equally where there is none, so that it adds up to what was set.
weighted as (

    select
        *,
        coalesce(
            max(case when kpi_code = 'opening_base' then numerator end) over (
                partition by month, {{ slice_list() }}
            ),
            0
        ) as weight
    from compared

),

targeted as (

    select
        weighted.*,
        target.target_value,
        case
            when target.target_value is null then null
            when weighted.denominator is not null then target.target_value * weighted.denominator
            when sum(weighted.weight) over (partition by target.kpi_target_sk) > 0
                then target.target_value * weighted.weight
                    / sum(weighted.weight) over (partition by target.kpi_target_sk)
            else target.target_value / count(*) over (partition by target.kpi_target_sk)
        end as target_numerator,
        row_number() over (
            partition by weighted.month, {{ slice_list('weighted') }}, weighted.kpi_code, weighted.currency_code
            order by coalesce(target.closeness, 0) desc
        ) as fit
    from weighted
    left join {{ ref('int_kpi_target') }} as target
        on weighted.month = target.month
            and weighted.kpi_code = target.kpi_code
            and weighted.currency_code in ('', '{{ var("home_currency_code") }}')
            {%- for column in ['region_id', 'brand_name', 'service_line', 'plan_type'] %}
                and target.{{ column }} in (weighted.{{ column }}, 'all')
            {%- endfor %}

)

select
    month,
    {{ slice_list() }},
    kpi_code,
    kpi_name,
    currency_code,
    unit,
    is_month_closed,
    is_open_month,
    numerator,
    denominator,
    round(target_numerator, 6) as target_numerator,
    case when target_value is not null then denominator end as target_denominator,
    numerator_last_month,
    denominator_last_month,
    numerator_last_year,
    denominator_last_year
from targeted
where fit = 1
