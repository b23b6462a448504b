{{ config(pre_hook=large_memory()) }}
{{ by_partition('usage_date', 'day') }}
{%- set touched = touched_partitions({
    'stg_usage__usage_event': 'landed',
    'int_msisdn_validity': 'interval',
}) %}

-- How often two lines of ours spoke with or wrote to each other on a day, as each of them saw it. A number counts for
-- the line that held it at the instant.
select
    event.usage_date,
    own.subscription_id,
    other.subscription_id as member_subscription_id,
    count(*) as talk_count
from {{ ref('stg_usage__usage_event') }} as event
inner join {{ ref('int_msisdn_validity') }} as own
    on event.msisdn_token = own.msisdn_token
        and event.started_at >= own.valid_from_at
        and event.started_at < own.valid_to_at
inner join {{ ref('int_msisdn_validity') }} as other
    on event.other_party_msisdn_token = other.msisdn_token
        and event.started_at >= other.valid_from_at
        and event.started_at < other.valid_to_at
where event.service_type in ('voice', 'sms')
    and event.network_type = 'on_net'
    and own.subscription_id <> other.subscription_id
    and event.started_at < {{ as_of_end_at() }}
    and {{ in_landed_days('event', 'usage_date', 'stg_usage__usage_event', touched) }}
group by event.usage_date, own.subscription_id, other.subscription_id
