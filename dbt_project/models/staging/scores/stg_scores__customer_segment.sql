select
    as_of_date,
    customer_id,
    value_tier,
    cluster_name,
    model_run_id
from {{ source('scores', 'customer_segment') }}
