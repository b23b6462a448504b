-- Prepaid subscriptions that fell silent: the day they left the base (day 90 of silence) and the day they came back.
-- Nothing can be said about silence before usage was delivered, so the count starts at the earliest with that.
with usage_window as (

    select
        min(complete_from_date) as complete_from_date,
        max(complete_to_date) as complete_to_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'usage' and entity_name = 'usage_event'
    having min(complete_from_date) is not null

),

prepaid_version as (

    select
        subscription_id,
        valid_from_at,
        valid_to_at,
        plan_type,
        lag(plan_type) over (partition by subscription_id order by version_number) as previous_plan_type
    from {{ ref('dim_subscription') }}

),

-- Silence is counted from activity, from activation, or from the move to a prepaid plan.
anchor as (

    select
        activity.subscription_id,
        activity.activity_date as anchor_date,
        1 as is_activity
    from {{ ref('int_activity_day') }} as activity
    where activity.is_activity_day
        and exists (
            select 1
            from prepaid_version
            where prepaid_version.subscription_id = activity.subscription_id and prepaid_version.plan_type = 'prepaid'
        )

    union all

    select
        lifetime.subscription_id,
        greatest(lifetime.activated_date, {{ date_plus('usage_window.complete_from_date', -1) }}) as anchor_date,
        0 as is_activity
    from {{ ref('int_subscription_lifetime') }} as lifetime
    cross join usage_window

    union all

    select
        prepaid_version.subscription_id,
        {{ local_date('prepaid_version.valid_from_at') }} as anchor_date,
        0 as is_activity
    from prepaid_version
    cross join usage_window
    where prepaid_version.plan_type = 'prepaid'
        and prepaid_version.previous_plan_type <> 'prepaid'
        and {{ local_date('prepaid_version.valid_from_at') }} >= usage_window.complete_from_date

),

anchor_day as (

    select
        subscription_id,
        anchor_date,
        max(is_activity) as is_activity
    from anchor
    group by subscription_id, anchor_date

),

ordered as (

    select
        subscription_id,
        anchor_date,
        {{ date_plus('anchor_date', var('inactive_churn_days')) }} as inactive_date,
        lead(anchor_date) over (partition by subscription_id order by anchor_date) as next_anchor_date,
        lead(is_activity) over (partition by subscription_id order by anchor_date) as is_next_activity
    from anchor_day

),

silent as (

    select
        ordered.subscription_id,
        ordered.inactive_date,
        ordered.next_anchor_date,
        ordered.is_next_activity
    from ordered
    cross join usage_window
    cross join {{ ref('int_as_of_date') }} as as_of
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on ordered.subscription_id = lifetime.subscription_id
    inner join prepaid_version
        on ordered.subscription_id = prepaid_version.subscription_id
            and prepaid_version.plan_type = 'prepaid'
            and prepaid_version.valid_from_at <= {{ last_instant_of('ordered.inactive_date') }}
            and prepaid_version.valid_to_at > {{ last_instant_of('ordered.inactive_date') }}
    where (ordered.next_anchor_date is null or ordered.next_anchor_date > ordered.inactive_date)
        and ordered.inactive_date <= as_of.as_of_date
        and ordered.inactive_date <= usage_window.complete_to_date
        and (lifetime.terminated_at is null or lifetime.terminated_at > {{ last_instant_of('ordered.inactive_date') }})

),

ended as (

    select
        silent.subscription_id,
        silent.inactive_date,
        case
            when silent.is_next_activity = 1 then silent.next_anchor_date
            else min(activity.activity_date)
        end as reactivated_date
    from silent
    left join {{ ref('int_activity_day') }} as activity
        on silent.subscription_id = activity.subscription_id
            and silent.inactive_date < activity.activity_date
            and activity.is_activity_day
    group by silent.subscription_id, silent.inactive_date, silent.next_anchor_date, silent.is_next_activity

),

-- A subscription that moves between plans while it is silent leaves only once.
first_of_silence as (

    select
        subscription_id,
        reactivated_date,
        min(inactive_date) as inactive_date
    from ended
    group by subscription_id, reactivated_date

)

select
    subscription_id,
    inactive_date,
    {{ last_instant_of('inactive_date') }} as inactive_at,
    reactivated_date,
    {{ local_midnight('reactivated_date') }} as reactivated_at,
    cast(row_number() over (partition by subscription_id order by inactive_date) as integer) as period_number
from first_of_silence
