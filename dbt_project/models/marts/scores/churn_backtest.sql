select
    model_name,
    model_run_id,
    as_of_date,
    slice_kind,
    slice_name,
    row_count,
    leaver_count,
    expected_leaver_count,
    auc,
    top_decile_lift,
    calibrated_decile_count
from {{ ref('stg_scores__churn_backtest') }}
