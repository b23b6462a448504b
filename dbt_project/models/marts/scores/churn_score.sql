select
    as_of_date,
    subscription_id,
    churn_probability,
    risk_band,
    horizon_days,
    gap_days,
    model_run_id
from {{ ref('stg_scores__churn_score') }}
