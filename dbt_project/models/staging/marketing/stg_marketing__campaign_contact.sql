select
    campaign_contact_id,
    campaign_id,
    subscription_id,
    customer_id,
    assigned_at,
    {{ local_date('assigned_at') }} as assigned_date,
    is_control,
    contacted_at,
    delivery_code,
    response_code,
    responded_at,
    cost_amount,
    currency_code
from {{ source('marketing', 'campaign_contact') }}
