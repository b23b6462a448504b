-- The latest delivered state of each person.
with history as (

    {{ entity_history(
        ref('stg_crm__staff'),
        'staff_id',
        ['staff_name_token', 'team_name', 'channel_id', 'region_id', 'role_code', 'is_active']
    ) }}

)

select
    staff_id,
    staff_name_token,
    team_name,
    channel_id,
    region_id,
    role_code,
    is_active
from history
where is_current
