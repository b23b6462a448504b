-- What happened to each subscription in the 90 days up to each feature date.
select
    subject.as_of_date,
    subject.subscription_id,
    count(*) filter (where event.event_type = 'suspended') as suspension_count_90,
    count(*) filter (where event.event_type = 'plan_changed') as plan_change_count_90,
    count(*) filter (where event.event_type = 'number_changed') as number_change_count_90,
    count(*) filter (where event.event_type = 'account_changed') as account_change_count_90,
    count(*) filter (where event.event_type = 'reactivated') as reactivation_count_90,
    max(case when event.event_type = 'suspended' then event.occurred_at end) as last_suspended_at,
    max(case when event.event_type = 'resumed' then event.occurred_at end) as last_resumed_at
from {{ ref('int_feature_subject') }} as subject
inner join {{ ref('fct_subscription_event') }} as event
    on subject.subscription_id = event.subscription_id
        and event.occurred_date <= subject.as_of_date
        and event.occurred_date > {{ date_plus('subject.as_of_date', -90) }}
group by subject.as_of_date, subject.subscription_id
