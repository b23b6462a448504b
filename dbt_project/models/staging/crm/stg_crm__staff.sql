select
    staff_id,
    effective_at,
    staff_name_token,
    team_name,
    channel_id,
    region_id,
    role_code,
    is_active
from {{ source('crm', 'staff') }}
