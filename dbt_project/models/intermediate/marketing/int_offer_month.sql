-- The lines that held each main offer as a month opened, and how many of them left by their own will in it. The
-- currency is that of the line's account: amounts of different currencies are never added.
select
    movement.month,
    opening.main_offer_id as offer_id,
    line_value.currency_code,
    count(*) as opening_count,
    count(case when movement.opening_churn_type = 'voluntary' then 1 end) as voluntary_churn_count,
    sum(line_value.service_revenue_amount) as service_revenue_amount
from {{ ref('int_subscription_month') }} as movement
inner join {{ ref('dim_subscription') }} as opening
    on movement.opening_subscription_sk = opening.subscription_sk
inner join {{ ref('int_subscription_month_value') }} as line_value
    on movement.month = line_value.month and movement.subscription_id = line_value.subscription_id
group by movement.month, opening.main_offer_id, line_value.currency_code
