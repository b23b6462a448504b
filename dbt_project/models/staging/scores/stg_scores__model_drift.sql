select
    as_of_date,
    model_run_id,
    measure_kind,
    measure_name,
    measure_value,
    limit_value,
    is_beyond_limit,
    row_count
from {{ source('scores', 'model_drift') }}
