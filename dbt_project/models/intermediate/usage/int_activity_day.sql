{{ config(pre_hook=large_memory()) }}
{{ by_partition('activity_date', 'day') }}
{%- set touched = touched_partitions({'fct_usage_daily': 'same', 'fct_topup': 'same'}) %}

-- What happened on each subscription and day. A usage day is one on which the customer did something: called, sent or
-- used data; incoming legs and value-added services (often automatic fees) do not count, but a top-up does for
-- activity.
with daily as (

    select
        subscription_id,
        usage_date as activity_date,
        {{ dbt.bool_or("service_type = 'data' or (service_type in ('voice', 'sms') and direction = 'outgoing')") }}
            as is_usage_day,
        {{ sum_whole('duration_seconds', "service_type = 'voice'") }} as voice_seconds,
        {{ sum_whole('volume_bytes', "service_type = 'data'") }} as data_bytes,
        {{ sum_whole('event_count', "service_type = 'sms'") }} as sms_count,
        {{ sum_whole('event_count', "roaming_type <> 'home'") }} as roaming_event_count,
        {{ sum_whole('event_count', "network_type = 'off_net'") }} as off_net_event_count,
        {{ sum_whole('event_count') }} as event_count,
        sum(rated_amount) as rated_amount
    from {{ ref('fct_usage_daily') }}
    where subscription_sk is not null and {{ in_partitions('usage_date', touched, 'day') }}
    group by subscription_id, usage_date

),

topups as (

    select
        subscription_id,
        topup_date as activity_date,
        count(*) filter (where amount > 0) as topup_count,
        sum(amount) as topup_amount
    from {{ ref('fct_topup') }}
    where subscription_sk is not null and {{ in_partitions('topup_date', touched, 'day') }}
    group by subscription_id, topup_date

),

combined as (

    select
        daily.subscription_id,
        daily.activity_date,
        daily.is_usage_day,
        daily.voice_seconds,
        daily.data_bytes,
        daily.sms_count,
        daily.roaming_event_count,
        daily.off_net_event_count,
        daily.event_count,
        daily.rated_amount,
        0 as topup_count,
        0 as topup_amount
    from daily

    union all

    select
        subscription_id,
        activity_date,
        false as is_usage_day,
        0 as voice_seconds,
        0 as data_bytes,
        0 as sms_count,
        0 as roaming_event_count,
        0 as off_net_event_count,
        0 as event_count,
        0 as rated_amount,
        topup_count,
        topup_amount
    from topups

)

select
    subscription_id,
    activity_date,
    {{ dbt.bool_or('is_usage_day') }} as is_usage_day,
    {{ dbt.bool_or('is_usage_day or topup_count > 0') }} as is_activity_day,
    {{ sum_whole('voice_seconds') }} as voice_seconds,
    {{ sum_whole('data_bytes') }} as data_bytes,
    {{ sum_whole('sms_count') }} as sms_count,
    {{ sum_whole('roaming_event_count') }} as roaming_event_count,
    {{ sum_whole('off_net_event_count') }} as off_net_event_count,
    {{ sum_whole('event_count') }} as event_count,
    sum(rated_amount) as rated_amount,
    {{ sum_whole('topup_count') }} as topup_count,
    sum(topup_amount) as topup_amount
from combined
group by subscription_id, activity_date
