select
    as_of_date,
    subscription_id,
    reason_rank,
    reason_text,
    reason_text_zh,
    model_run_id
from {{ source('scores', 'churn_reason') }}
