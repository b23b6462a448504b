with tested as (

    select
        model_run_id,
        sum(row_count) as row_count,
        sum(leaver_count) as leaver_count
    from {{ ref('stg_scores__model_decile') }}
    group by model_run_id

)

select
    tenth.model_run_id,
    run.model_name,
    run.as_of_date,
    run.is_champion,
    tenth.decile,
    tenth.row_count,
    tenth.leaver_count,
    tenth.expected_leaver_count,
    tenth.expected_leaver_count / tenth.row_count as expected_rate,
    1.0 * tenth.leaver_count / tenth.row_count as observed_rate,
    1.0 * tenth.leaver_count / tenth.row_count / nullif(1.0 * tested.leaver_count / tested.row_count, 0) as lift_ratio
from {{ ref('stg_scores__model_decile') }} as tenth
inner join {{ ref('stg_scores__model_run') }} as run on tenth.model_run_id = run.model_run_id
inner join tested on tenth.model_run_id = tested.model_run_id
