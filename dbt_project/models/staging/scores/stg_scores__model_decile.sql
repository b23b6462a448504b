select
    model_run_id,
    decile,
    row_count,
    leaver_count,
    expected_leaver_count
from {{ source('scores', 'model_decile') }}
