-- The stages of the network add up to the closing base, their revenue (with E) to that of the lines, and what opened
-- the months in a stage to the opening base from the second month on.
with stages as (

    select
        month,
        sum(closing_count) filter (where lifecycle_stage_code in ('A', 'B', 'C', 'D')) as closing_count,
        sum(opening_count) as opening_count,
        sum(opening_churn_count) as opening_churn_count,
        sum(service_revenue_amount) as service_revenue_amount
    from {{ ref('lifecycle_stage_monthly') }}
    group by month

),

lines as (

    select
        month,
        count(*) filter (where is_closing) as closing_count,
        count(*) filter (where is_opening) as opening_count,
        count(opening_churn_type) as opening_churn_count,
        sum(service_revenue_amount) as service_revenue_amount
    from {{ ref('subscription_monthly') }}
    group by month

),

first_month as (

    select min(month) as month
    from {{ ref('int_month') }}

)

select lines.month
from lines
inner join stages
    on lines.month = stages.month
cross join first_month
where lines.closing_count <> stages.closing_count
    or lines.service_revenue_amount is distinct from stages.service_revenue_amount
    or lines.month > first_month.month
    and (lines.opening_count <> stages.opening_count or lines.opening_churn_count <> stages.opening_churn_count)
