select
    subscription_id,
    effective_at,
    customer_id,
    user_customer_id,
    account_id,
    region_id,
    channel_id,
    main_offer_id,
    msisdn_token,
    activated_at,
    predecessor_subscription_id
from {{ source('crm', 'subscription') }}
