select
    device_id,
    effective_at,
    subscription_id,
    device_type,
    brand_name,
    model_name,
    is_5g,
    is_instalment,
    first_used_date
from {{ source('crm', 'device') }}
