-- Complaints and marks known at each feature date. A complaint counts for 60 days from the day it was opened.
with complaints as (

    select
        ticket_id,
        subscription_id,
        min({{ local_date('effective_at') }}) as opened_date
    from {{ ref('stg_care__ticket') }}
    where ticket_type = 'complaint' and subscription_id is not null
    group by ticket_id, subscription_id

),

complained as (

    select
        subject.as_of_date,
        subject.subscription_id,
        count(*) as complaint_count_60
    from {{ ref('int_feature_subject') }} as subject
    inner join complaints
        on subject.subscription_id = complaints.subscription_id
            and complaints.opened_date <= subject.as_of_date
            and complaints.opened_date > {{ date_plus('subject.as_of_date', -60) }}
    group by subject.as_of_date, subject.subscription_id

),

marked as (

    select
        subject.as_of_date,
        subject.subscription_id,
        min(survey.score) as lowest_satisfaction_score_90
    from {{ ref('int_feature_subject') }} as subject
    inner join {{ ref('stg_care__survey_response') }} as survey
        on subject.subscription_id = survey.subscription_id
            and survey.survey_type = 'csat'
            and survey.responded_at < subject.as_of_end_at
            and survey.responded_at >= {{ local_midnight(date_plus('subject.as_of_date', -89)) }} -- noqa: LT05
    group by subject.as_of_date, subject.subscription_id

)

select
    subject.as_of_date,
    subject.subscription_id,
    coalesce(complained.complaint_count_60, 0) as complaint_count_60,
    marked.lowest_satisfaction_score_90
from {{ ref('int_feature_subject') }} as subject
left join complained
    on subject.as_of_date = complained.as_of_date and subject.subscription_id = complained.subscription_id
left join marked
    on subject.as_of_date = marked.as_of_date and subject.subscription_id = marked.subscription_id
