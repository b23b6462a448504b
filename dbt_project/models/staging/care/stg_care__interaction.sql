select
    interaction_id,
    customer_id,
    subscription_id,
    channel_code,
    direction,
    topic_code,
    started_at,
    answered_at,
    ended_at,
    wait_seconds,
    handle_seconds,
    is_abandoned,
    is_resolved,
    staff_id
from {{ source('care', 'interaction') }}
