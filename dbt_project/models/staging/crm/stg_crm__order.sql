select
    order_id,
    effective_at,
    customer_id,
    subscription_id,
    channel_id,
    staff_id,
    order_type,
    status_code,
    placed_at,
    completed_at,
    offer_id,
    opportunity_id
from {{ source('crm', 'order') }}
