-- Monthly running margin of a line of a region, of all lines and of those in the core tiers.
select
    profit.month,
    profit.region_id,
    profit.currency_code,
    sum(profit.running_margin_amount) / count(distinct profit.subscription_id) as line_margin_amount,
    sum(profit.running_margin_amount) filter (where profit.value_tier <> 'standard')
    / nullif(count(distinct case when profit.value_tier <> 'standard' then profit.subscription_id end), 0)
        as core_margin_amount
from {{ ref('customer_profit_monthly') }} as profit
where profit.subscription_id <> 'unallocated' and profit.running_margin_amount is not null
group by profit.month, profit.region_id, profit.currency_code
