select
    region_id,
    operator_name,
    month,
    service_line,
    subscription_count,
    share_ratio
from {{ source('market', 'market_share') }}
