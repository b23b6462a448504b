-- Exits from the network in the months before as_of_date that lost_customer looks back on, with what is needed to find
-- out why: who, where, how, and what the line was worth.
with exits as (

    select
        presence.subscription_id,
        presence.stay_number,
        presence.left_at,
        {{ local_date('presence.left_at') }} as left_date,
        presence.churn_type,
        presence.termination_event_id
    from {{ ref('int_subscription_presence') }} as presence
    cross join {{ ref('int_as_of_date') }} as as_of
    where
        presence.left_at < as_of.as_of_end_at
        and {{ local_date('presence.left_at') }}
        > {{ date_plus('as_of.as_of_date', '-' ~ var('lost_customer_months'), 'month') }}

)

select
    exits.subscription_id,
    cast(exits.stay_number as integer) as stay_number,
    exits.left_at,
    exits.left_date,
    {{ month_of('exits.left_date') }} as left_month,
    exits.churn_type,
    event.reason_code,
    event.other_operator,
    version.subscription_sk,
    version.customer_id,
    version.region_id,
    version.service_line
from exits
inner join {{ ref('dim_subscription') }} as version
    on exits.subscription_id = version.subscription_id and {{ version_before('version', 'exits.left_at') }}
left join {{ ref('stg_crm__subscription_event') }} as event
    on exits.termination_event_id = event.event_id
