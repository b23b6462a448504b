select
    lead_id,
    effective_at,
    customer_id,
    region_id,
    channel_id,
    source_code,
    product_interest_code,
    status_code,
    created_at,
    subscription_id
from {{ source('marketing', 'lead') }}
