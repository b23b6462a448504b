{{ with_known_intervals(
    'subscription_id', ['activated_at'], from_at='activated_at',
    to_at="coalesce(terminated_at, " ~ end_of_time() ~ ")", is_first='true'
) }}

-- When each subscription was activated and, if it was, terminated: the first termination after activation counts.
with subscriptions as (

    select
        subscription_id,
        activated_at,
        predecessor_subscription_id
    from {{ ref('dim_subscription') }}
    where is_current and activated_at < {{ as_of_end_at() }}

),

terminations as (

    select
        event.subscription_id,
        event.event_id,
        event.occurred_at,
        reason.reason_code,
        reason.churn_type,
        row_number() over (
            partition by event.subscription_id order by event.occurred_at, event.event_id
        ) as termination_number
    from {{ ref('stg_crm__subscription_event') }} as event
    inner join subscriptions
        on event.subscription_id = subscriptions.subscription_id and event.occurred_at > subscriptions.activated_at
    inner join {{ ref('churn_reason') }} as reason
        on coalesce(event.reason_code, 'unknown') = reason.reason_code
    where event.event_type = 'terminated' and event.occurred_at < {{ as_of_end_at() }}

)

select
    subscriptions.subscription_id,
    subscriptions.activated_at,
    {{ local_date('subscriptions.activated_at') }} as activated_date,
    subscriptions.predecessor_subscription_id,
    terminations.occurred_at as terminated_at,
    terminations.event_id as termination_event_id,
    terminations.churn_type as termination_churn_type
from subscriptions
left join terminations
    on subscriptions.subscription_id = terminations.subscription_id and terminations.termination_number = 1
