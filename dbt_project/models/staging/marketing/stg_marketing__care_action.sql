select
    care_action_id,
    effective_at,
    customer_id,
    subscription_id,
    staff_id,
    action_type,
    planned_date,
    done_at,
    outcome_code
from {{ source('marketing', 'care_action') }}
