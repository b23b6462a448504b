with counts as (
    select
        opening_region_id as region_id,
        count(*) as opening,
        sum(opening_churn_count) as churned,
        count(*) filter (where opening_churn_type = 'voluntary') as voluntary,
        count(*) filter (where opening_churn_type = 'involuntary') as involuntary,
        count(*) filter (where opening_churn_type = 'inactive') as inactive
    from marts.subscription_monthly
    where month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
        and is_opening
    group by opening_region_id
)

select
    region.region_name,
    opening,
    round(churned::numeric / opening, 4) as churn_rate,
    round(voluntary::numeric / opening, 4) as voluntary_rate,
    round(involuntary::numeric / opening, 4) as involuntary_rate,
    round(inactive::numeric / opening, 4) as inactive_rate,
    round(1 - power(1 - churned::numeric / opening, 12), 4) as annualised_rate
from counts
inner join marts.dim_region as region using (region_id)
order by churn_rate desc, region.region_name
