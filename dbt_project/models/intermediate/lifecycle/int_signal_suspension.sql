-- Suspensions until the line is resumed or terminated.
with events as (

    select
        subscription_id,
        event_type,
        reason_code,
        occurred_date as from_date,
        lead(occurred_date) over (partition by subscription_id order by occurred_at, event_id) as next_date
    from {{ ref('stg_crm__subscription_event') }}
    where event_type in ('suspended', 'resumed', 'terminated') and occurred_at < {{ as_of_end_at() }}

)

select
    subscription_id,
    'suspended' as signal_code,
    from_date,
    {{ date_plus('next_date', -1) }} as to_date,
    'Suspended on ' || cast(from_date as {{ dbt.type_string() }}) || coalesce(' (' || reason_code || ')', '')
        as evidence
from events
where event_type = 'suspended'
