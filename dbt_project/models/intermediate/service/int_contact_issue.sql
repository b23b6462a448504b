-- Issues, by the contact that opened each: an answered inbound contact of a customer who had had none about the same
-- (subscription and topic) in the days before. It was settled at first contact unless the customer comes again about
-- the same, answered or not, in the days after. An issue is judged when its days are over, and so counts in its own
-- month if that is not closed by then. What is known after the close of that month changes no judgement in it.
with contacts as (

    select
        *,
        coalesce(subscription_id, '') as subject_id
    from {{ ref('int_interaction') }}
    where direction = 'inbound'

),

windows as (

    select
        contacts.*,
        {{ date_plus('contacts.started_date', var('repeat_contact_days')) }} as window_end_date
    from contacts
    where contacts.is_answered

),

-- Not yet over at the as-of date: neither settled nor repeated is known.
judged as (

    select
        windows.*,
        {{ posted_month('windows.started_date', 'greatest(windows.known_date, windows.window_end_date)') }}
            as issue_month
    from windows
    cross join {{ ref('int_as_of_date') }} as today
    where windows.window_end_date <= today.as_of_date

),

closing as (

    select
        *,
        {{ close_date('issue_month') }} as close_date
    from judged

),

issues as (

    select issue.*
    from closing as issue
    where
        not exists (
            select 1
            from contacts as earlier
            where earlier.customer_id = issue.customer_id
                and earlier.subject_id = issue.subject_id
                and earlier.topic_code = issue.topic_code
                and earlier.is_answered
                and (earlier.started_at, earlier.interaction_id) < (issue.started_at, issue.interaction_id)
                and earlier.started_date >= {{ date_plus('issue.started_date', -1 * var('repeat_contact_days')) }}
                and earlier.known_date <= issue.close_date
        )

),

repeated as (

    select distinct issue.interaction_id
    from issues as issue
    inner join contacts as later
        on issue.customer_id = later.customer_id
            and issue.subject_id = later.subject_id
            and issue.topic_code = later.topic_code
            and (later.started_at, later.interaction_id) > (issue.started_at, issue.interaction_id)
            and later.started_date <= issue.window_end_date
            and later.known_date <= issue.close_date

)

select
    issues.interaction_id,
    issues.issue_month,
    issues.window_end_date,
    repeated.interaction_id is not null as is_repeated
from issues
left join repeated
    on issues.interaction_id = repeated.interaction_id
