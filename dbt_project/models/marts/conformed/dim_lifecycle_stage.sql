select
    lifecycle_stage_code,
    stage_name,
    stage_name_zh,
    display_order,
    test_order,
    is_on_network,
    meaning,
    question
from {{ ref('lifecycle_stage') }}
