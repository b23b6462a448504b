-- The months in which a KPI says something, so that nobody reads kpi_monthly whole to know them.
select
    month,
    kpi_code,
    currency_code,
    is_month_closed,
    is_open_month
from {{ ref('kpi_monthly') }}
where not (numerator = 0 and coalesce(denominator, 1) = 0)
group by month, kpi_code, currency_code, is_month_closed, is_open_month
