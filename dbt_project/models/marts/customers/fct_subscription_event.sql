-- Delivered events, and those that only the history shows: inactive churn, the return from it, and win-backs.
with delivered as (

    select
        event.event_id,
        event.subscription_id,
        event.event_type,
        presence.churn_type,
        event.occurred_at,
        event.reason_code,
        event.other_operator
    from {{ ref('stg_crm__subscription_event') }} as event
    left join {{ ref('int_subscription_presence') }} as presence
        on event.event_id = presence.termination_event_id
    where event.occurred_at < {{ as_of_end_at() }}

),

left_silently as (

    select
        'inactive_churn:' || subscription_id || ':' || cast(inactive_date as {{ dbt.type_string() }}) as event_id,
        subscription_id,
        'inactive_churn' as event_type,
        'inactive' as churn_type,
        inactive_at as occurred_at
    from {{ ref('int_inactive_period') }}

),

came_back as (

    select
        'reactivated:' || subscription_id || ':' || cast(reactivated_date as {{ dbt.type_string() }}) as event_id,
        subscription_id,
        'reactivated' as event_type,
        cast(null as {{ dbt.type_string() }}) as churn_type,
        reactivated_at as occurred_at
    from {{ ref('int_inactive_period') }}
    where reactivated_at is not null

),

won_back as (

    select
        'won_back:' || subscription_id as event_id,
        subscription_id,
        'won_back' as event_type,
        cast(null as {{ dbt.type_string() }}) as churn_type,
        joined_at as occurred_at
    from {{ ref('int_subscription_presence') }}
    where entry_type = 'win_back'

),

derived as (

    select * from left_silently
    union all
    select * from came_back
    union all
    select * from won_back

),

events as (

    select
        event_id,
        subscription_id,
        event_type,
        churn_type,
        occurred_at,
        reason_code,
        other_operator
    from delivered

    union all

    select
        event_id,
        subscription_id,
        event_type,
        churn_type,
        occurred_at,
        cast(null as {{ dbt.type_string() }}) as reason_code,
        cast(null as {{ dbt.type_string() }}) as other_operator
    from derived

)

select
    {{ surrogate_key(['events.event_id']) }} as subscription_event_sk,
    events.event_id,
    events.subscription_id,
    version.subscription_sk,
    version.customer_id,
    events.event_type,
    events.churn_type,
    events.occurred_at,
    {{ local_date('events.occurred_at') }} as occurred_date,
    events.reason_code,
    events.other_operator
from events
left join {{ ref('dim_subscription') }} as version
    on events.subscription_id = version.subscription_id and {{ version_at('version', 'events.occurred_at') }}
