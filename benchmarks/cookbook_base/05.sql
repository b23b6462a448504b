with here as (
    select
        lifecycle_stage_code as stage,
        currency_code,
        count(*) as lines,
        sum(service_revenue_amount) as amount
    from marts.subscription_monthly
    where month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
        and is_closing
    group by lifecycle_stage_code, currency_code
),

before as (
    select
        opening_lifecycle_stage_code as stage,
        currency_code,
        count(*) as opening,
        sum(opening_churn_count) as churned
    from marts.subscription_monthly
    where month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
        and is_opening
    group by opening_lifecycle_stage_code, currency_code
)

select
    here.stage,
    here.currency_code,
    here.lines,
    round(here.amount / here.lines, 2) as revenue_per_line,
    before.opening,
    before.churned,
    round(before.churned::numeric / before.opening, 4) as churn_rate
from here
inner join before using (stage, currency_code)
order by here.stage, here.currency_code
