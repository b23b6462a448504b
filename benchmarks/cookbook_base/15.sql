with contacts as (
    select
        queue_code,
        count(*) as offered,
        count(*) filter (where is_answered_in_time) as in_time,
        count(*) filter (where is_answered) as answered,
        sum(wait_seconds) filter (where is_answered) as waited
    from marts.fct_interaction
    where posted_month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
        and direction = 'inbound'
    group by queue_code
),

issues as (
    select
        queue_code,
        count(*) as issues,
        count(*) filter (where is_settled_at_first_contact) as settled
    from marts.fct_interaction
    where issue_month = (select (date_trunc('month', as_of_date) - interval '1 month')::date from marts.publication where is_current)
        and direction = 'inbound'
    group by queue_code
)

select
    contacts.queue_code,
    contacts.offered,
    round(contacts.in_time::numeric / contacts.offered, 4) as service_level,
    round(contacts.waited / nullif(contacts.answered, 0)::numeric, 1) as average_speed_of_answer_seconds,
    round((contacts.offered - contacts.answered)::numeric / contacts.offered, 4) as abandonment_rate,
    round(issues.settled::numeric / issues.issues, 4) as first_contact_resolution
from contacts
left join issues using (queue_code)
order by contacts.offered desc, contacts.queue_code
