with base as (
    select subscription_id, market_type, mean_revenue_amount
    from marts.subscription_monthly
    where month = ((select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current) - interval '12 months')::date
        and is_closing
        and closing_value_tier in ('diamond', 'gold', 'silver')
),

now as (
    select subscription_id, mean_revenue_amount
    from marts.subscription_monthly
    where month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
        and is_closing
)

select
    base.market_type,
    count(*) as core,
    count(now.subscription_id) as retained,
    round(count(now.subscription_id)::numeric / count(*), 4) as retention_rate,
    round(
        count(*) filter (where now.mean_revenue_amount >= 0.8 * base.mean_revenue_amount)::numeric / count(*), 4
    ) as value_retention_rate
from base
left join now using (subscription_id)
group by base.market_type
order by base.market_type
