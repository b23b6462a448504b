-- The margin of a row is the sum of its columns, and the parts of the revenue add up to it.
select
    month,
    subscription_id,
    currency_code,
    revenue_amount,
    contribution_margin_amount
from {{ ref('customer_profit_monthly') }}
where
    revenue_amount <> recurring_revenue_amount
    + usage_revenue_amount
    + discount_revenue_amount
    + credit_revenue_amount
    + one_off_revenue_amount
    + equipment_revenue_amount
    + interconnect_revenue_amount
    + ict_project_revenue_amount
    or contribution_margin_amount <> revenue_amount
    - interconnect_cost_amount
    - network_cost_amount
    - service_cost_amount
    - coalesce(subsidy_cost_amount, 0)
    - coalesce(commission_cost_amount, 0)
    - campaign_cost_amount
    - bad_debt_cost_amount
    or (contribution_margin_amount is null) <> (running_margin_amount is null)
