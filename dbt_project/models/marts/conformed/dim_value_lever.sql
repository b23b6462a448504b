select
    lever_number,
    lever_code,
    lever_name,
    lever_name_zh,
    lifecycle_stage_code,
    execution_difficulty,
    difficulty_reason
from {{ ref('value_lever') }}
