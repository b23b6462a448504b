select
    survey_response_id,
    customer_id,
    customer_type,
    subscription_id,
    subscription_sk,
    survey_type,
    touchpoint_code,
    responded_at,
    responded_date,
    posted_month,
    {{ slice_list() }},
    interaction_id,
    direction,
    topic_code,
    queue_code,
    staff_id,
    score,
    is_on_scale,
    case when is_on_scale and survey_type = 'csat' then score >= 4 end as is_satisfied,
    case
        when not is_on_scale or survey_type <> 'nps' then null
        when score >= 9 then 'promoter'
        when score <= 6 then 'detractor'
        else 'passive'
    end as nps_group
from {{ ref('int_survey_response') }}
