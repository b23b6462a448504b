with base as (
    select
        tier.value_tier,
        count(*) filter (where line.is_closing and line.closing_value_tier = tier.value_tier) as lines,
        count(*) filter (where line.is_opening and line.opening_value_tier = tier.value_tier) as opening
    from marts.subscription_monthly as line
    cross join (select distinct value_tier from marts.dim_value_tier) as tier
    where line.month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
    group by tier.value_tier
),

tiers as (
    select subscription_id, closing_value_tier as value_tier
    from marts.subscription_monthly
    where month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
),

revenue as (
    select
        coalesce(tiers.value_tier, 'standard') as value_tier,
        sum(document.net_amount) as amount
    from marts.fct_revenue as document
    left join tiers using (subscription_id)
    where document.posted_month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
        and document.is_service_revenue
        and document.currency_code = 'CNY'
    group by 1
)

select
    value_tier,
    tier.tier_rank,
    base.lines,
    revenue.amount as service_revenue_amount,
    round(revenue.amount / ((base.lines + base.opening) / 2.0), 2) as arpu_amount
from base
inner join revenue using (value_tier)
inner join marts.dim_value_tier as tier using (value_tier)
where tier.currency_code = 'CNY'
order by tier.tier_rank
