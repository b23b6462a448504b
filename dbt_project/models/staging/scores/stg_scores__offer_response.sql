select
    as_of_date,
    subscription_id,
    campaign_name,
    outcome_code,
    verdict_name,
    uplift_rate,
    is_individual,
    is_contactable,
    outcome_value_amount,
    contact_cost_amount,
    increment_amount,
    currency_code,
    is_chosen,
    reason_text,
    reason_text_zh,
    model_run_id
from {{ source('scores', 'offer_response') }}
