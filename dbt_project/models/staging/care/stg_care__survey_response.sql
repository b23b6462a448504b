select
    survey_response_id,
    subscription_id,
    customer_id,
    survey_type,
    score,
    responded_at,
    touchpoint_code
from {{ source('care', 'survey_response') }}
