select
    response.survey_response_id,
    response.subscription_id,
    response.customer_id,
    response.survey_type,
    response.score,
    response.responded_at,
    response.touchpoint_code,
    load.business_date as _business_date,
    coalesce(load.period_from, load.business_date) as _period_from
from {{ source('care', 'survey_response') }} as response
inner join {{ source('ops', 'load') }} as load on response._load_id = load.load_id
