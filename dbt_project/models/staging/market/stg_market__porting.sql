select
    porting_id,
    subscription_id,
    msisdn_token,
    direction,
    rival_name,
    requested_at,
    completed_at,
    status_code,
    region_id
from {{ source('market', 'porting') }}
