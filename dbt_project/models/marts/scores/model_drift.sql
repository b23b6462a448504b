select
    drift.as_of_date,
    drift.model_run_id,
    run.model_name,
    drift.measure_kind,
    drift.measure_name,
    drift.measure_value,
    drift.limit_value,
    drift.is_beyond_limit,
    drift.row_count,
    drift.as_of_date = max(drift.as_of_date) over () as is_current
from {{ ref('stg_scores__model_drift') }} as drift
inner join {{ ref('stg_scores__model_run') }} as run on drift.model_run_id = run.model_run_id
