select
    as_of_date,
    customer_id,
    value_tier,
    cluster_name,
    previous_cluster_name,
    move_reason,
    model_run_id
from {{ ref('stg_scores__customer_segment') }}
