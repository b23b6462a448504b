select
    cost_id,
    cost_month,
    cost_type,
    region_id,
    channel_id,
    subscription_id,
    campaign_id,
    amount,
    currency_code,
    booked_at
from {{ source('finance', 'cost') }}
