select
    subscribed_offer_id,
    effective_at,
    subscription_id,
    offer_id,
    started_at,
    ended_at
from {{ source('crm', 'subscribed_offer') }}
