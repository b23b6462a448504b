{{ config(pre_hook=large_memory()) }}
{{ by_partition('usage_date', 'day') }}
{%- set touched = touched_partitions({
    'stg_usage__usage_event': 'landed',
    'int_msisdn_validity': 'interval',
}) %}

-- Days on which a line called a rival's hotline, or its data went over another operator's access at home. Data of our
-- own names no other operator.
select
    event.usage_date,
    validity.subscription_id,
    case when event.service_type = 'data' then 'rival_access' else 'rival_hotline' end as signal_code,
    max(coalesce(hotline.rival_name, event.other_operator)) as rival_name
from {{ ref('stg_usage__usage_event') }} as event
left join {{ ref('rival_hotline') }} as hotline
    on event.other_party_msisdn_token = hotline.msisdn_token
inner join {{ ref('int_msisdn_validity') }} as validity
    on event.msisdn_token = validity.msisdn_token
        and event.started_at >= validity.valid_from_at
        and event.started_at < validity.valid_to_at
where event.started_at < {{ as_of_end_at() }}
    and {{ in_landed_days('event', 'usage_date', 'stg_usage__usage_event', touched) }}
    and (
        event.service_type = 'data' and event.other_operator is not null and event.roaming_type = 'home'
        or event.service_type in ('voice', 'sms') and event.direction = 'outgoing' and hotline.msisdn_token is not null
    )
group by
    event.usage_date,
    validity.subscription_id,
    case when event.service_type = 'data' then 'rival_access' else 'rival_hotline' end
