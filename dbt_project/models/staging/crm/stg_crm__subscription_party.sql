select
    subscription_party_id,
    effective_at,
    subscription_id,
    customer_id,
    role_type,
    valid_from_date,
    valid_to_date
from {{ source('crm', 'subscription_party') }}
