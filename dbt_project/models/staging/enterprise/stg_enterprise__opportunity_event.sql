select
    opportunity_event_id,
    opportunity_id,
    occurred_at,
    {{ local_date('occurred_at') }} as occurred_date,
    event_type,
    from_stage_code,
    to_stage_code,
    staff_id
from {{ source('enterprise', 'opportunity_event') }}
