select
    value_tier,
    currency_code,
    tier_rank,
    min_mean_revenue_amount,
    min_tenure_days
from {{ ref('value_tier') }}
