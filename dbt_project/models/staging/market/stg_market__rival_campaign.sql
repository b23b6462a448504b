select
    rival_campaign_id,
    effective_at,
    rival_name,
    region_id,
    service_line,
    plan_type,
    discount_percent,
    start_date,
    end_date
from {{ source('market', 'rival_campaign') }}
