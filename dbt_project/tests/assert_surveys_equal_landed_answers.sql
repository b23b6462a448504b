-- Answers to surveys: landed by the as-of date, in the fact and in the monthly mart, each counted once.
with landed as (

    select
        count(*) as answer_count,
        coalesce(sum(case when survey_type = 'csat' and score between 1 and 5 then score end), 0) as csat_score_total
    from {{ ref('stg_care__survey_response') }}
    where responded_at < {{ as_of_end_at() }}

),

totals as (

    select
        'fct_survey' as mart_name,
        count(*) as answer_count,
        coalesce(sum(score) filter (where is_satisfied is not null), 0) as csat_score_total
    from {{ ref('fct_survey') }}
    union all
    select
        'service_quality_monthly' as mart_name,
        coalesce(sum(csat_count + nps_count + off_scale_count), 0) as answer_count,
        coalesce(sum(csat_score_total), 0) as csat_score_total
    from {{ ref('service_quality_monthly') }}

)

select
    totals.*,
    landed.answer_count as landed_answer_count
from totals
cross join landed
where totals.answer_count <> landed.answer_count
    or totals.csat_score_total <> landed.csat_score_total
