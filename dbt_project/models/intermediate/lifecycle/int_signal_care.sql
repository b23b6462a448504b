-- Complaints that stay open or come again, and low marks. Only tickets are complaints here: each has its history.
with complaint_states as (

    select
        ticket_id,
        subscription_id,
        status_code,
        {{ local_date('effective_at') }} as from_date,
        lead({{ local_date('effective_at') }}) over (partition by ticket_id order by effective_at) as next_date
    from {{ ref('stg_care__ticket') }}
    where ticket_type = 'complaint' and effective_at < {{ as_of_end_at() }}

),

complaints as (

    select
        ticket_id,
        subscription_id,
        min(from_date) as opened_date
    from complaint_states
    group by ticket_id, subscription_id

),

repeated as (

    select
        later.subscription_id,
        later.opened_date,
        -- The earliest day by which too few of the last complaints are left in the window.
        earlier.opened_date as earlier_date,
        row_number() over (
            partition by later.ticket_id order by earlier.opened_date desc, earlier.ticket_id desc
        ) as distance
    from complaints as later
    inner join complaints as earlier
        on later.subscription_id = earlier.subscription_id
            and (
                earlier.opened_date < later.opened_date
                or earlier.opened_date = later.opened_date and earlier.ticket_id <= later.ticket_id
            )

),

marks as (

    select
        subscription_id,
        score,
        {{ local_date('responded_at') }} as from_date,
        lead({{ local_date('responded_at') }}) over (
            partition by subscription_id order by responded_at, survey_response_id
        ) as next_date
    from {{ ref('stg_care__survey_response') }}
    where survey_type = 'csat' and responded_at < {{ as_of_end_at() }}

)

select
    states.subscription_id,
    rule.signal_code,
    {{ date_plus('states.from_date', 'cast(rule.threshold_value as integer)') }} as from_date,
    {{ date_plus('states.next_date', -1) }} as to_date,
    'Complaint open since ' || cast(states.from_date as {{ dbt.type_string() }}) as evidence
from complaint_states as states
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'complaint_unresolved'
where states.status_code <> 'resolved'

union all

select
    repeated.subscription_id,
    rule.signal_code,
    repeated.opened_date as from_date,
    {{ date_plus('repeated.earlier_date', 'rule.window_days - 1') }} as to_date,
    cast(cast(rule.threshold_value as integer) as {{ dbt.type_string() }}) || ' complaints from '
    || cast(repeated.earlier_date as {{ dbt.type_string() }}) || ' to '
    || cast(repeated.opened_date as {{ dbt.type_string() }}) as evidence
from repeated
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'complaint_repeated' and repeated.distance = rule.threshold_value

union all

select
    marks.subscription_id,
    rule.signal_code,
    marks.from_date,
    least({{ date_plus('marks.next_date', -1) }}, {{ date_plus('marks.from_date', 'rule.window_days - 1') }})
        as to_date,
    'Satisfaction ' || cast(marks.score as {{ dbt.type_string() }}) || ' of 5' as evidence
from marks
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'low_satisfaction' and marks.score <= rule.threshold_value
