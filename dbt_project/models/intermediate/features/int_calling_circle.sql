{{ config(pre_hook=large_memory()) }}

-- Who belongs to whose calling circle, and since when: another of our lines that it called or wrote to three times.
-- A number counts for the line that held it when the call was made.
with talks as (

    select
        caller.subscription_id,
        other.subscription_id as member_subscription_id,
        event.usage_date,
        row_number() over (
            partition by caller.subscription_id, other.subscription_id order by event.started_at, event.event_id
        ) as talk_number
    from {{ ref('stg_usage__usage_event') }} as event
    inner join {{ ref('int_msisdn_validity') }} as caller
        on event.msisdn_token = caller.msisdn_token
            and event.started_at >= caller.valid_from_at
            and event.started_at < caller.valid_to_at
    inner join {{ ref('int_msisdn_validity') }} as other
        on event.other_party_msisdn_token = other.msisdn_token
            and event.started_at >= other.valid_from_at
            and event.started_at < other.valid_to_at
    where event.service_type in ('voice', 'sms')
        and event.network_type = 'on_net'
        and event.started_at < {{ as_of_end_at() }}

)

select
    subscription_id,
    member_subscription_id,
    usage_date as member_from_date
from talks
where talk_number = 3 and subscription_id <> member_subscription_id
