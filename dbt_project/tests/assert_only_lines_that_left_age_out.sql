-- Out of sight goes only what was in the lost-customer base.
select
    month,
    from_stage_code
from {{ ref('lifecycle_transition_monthly') }}
where to_stage_code = 'aged_out' and from_stage_code <> 'E'
