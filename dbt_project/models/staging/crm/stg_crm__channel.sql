select
    channel_id,
    effective_at,
    channel_name,
    channel_type
from {{ source('crm', 'channel') }}
