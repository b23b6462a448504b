-- The same number by two ways: KPIs of the base against the base movement.
with movement as (

    select
        month,
        sum(opening_count) as opening_count,
        sum(closing_count) as closing_count,
        sum(opening_churn_count) as opening_churn_count
    from {{ ref('base_movement_monthly') }}
    group by month

),

kpi as (

    select
        month,
        sum(case when kpi_code = 'opening_base' then numerator end) as opening_count,
        sum(case when kpi_code = 'closing_base' then numerator end) as closing_count,
        sum(case when kpi_code = 'churn_rate' then numerator end) as opening_churn_count,
        sum(case when kpi_code = 'churn_rate' then denominator end) as churn_denominator
    from {{ ref('kpi_monthly') }}
    group by month

)

select
    movement.month,
    movement.opening_count,
    kpi.opening_count as kpi_opening_count
from movement
left join kpi
    on movement.month = kpi.month
where kpi.opening_count is distinct from movement.opening_count
    or kpi.closing_count is distinct from movement.closing_count
    or kpi.opening_churn_count is distinct from movement.opening_churn_count
    or kpi.churn_denominator is distinct from movement.opening_count
