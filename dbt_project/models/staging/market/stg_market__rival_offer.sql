select
    rival_offer_id,
    effective_at,
    rival_name,
    offer_name,
    service_line,
    plan_type,
    monthly_fee_amount,
    currency_code,
    data_mb,
    voice_minutes,
    region_id,
    comparable_offer_id
from {{ source('market', 'rival_offer') }}
