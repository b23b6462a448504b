{{ config(pre_hook=large_memory()) }}
{{ by_partition('month', 'month') }}
{%- set touched = touched_partitions({
    'stg_usage__usage_event': 'landed',
    'int_msisdn_validity': 'interval',
    'dim_subscription': 'interval',
    'int_subscription_month_value': 'same',
}) %}

-- Usage that came when its month had been closed. It is part of usage_monthly, in the slice that it has there.
with late as (

    select
        event.usage_date,
        event.msisdn_token,
        event.started_at,
        event.service_type,
        event.direction,
        event.network_type,
        event.roaming_type,
        event.currency_code,
        event.event_count,
        event.duration_seconds,
        event.volume_bytes,
        event.rated_amount,
        event._business_date,
        event._period_from
    from {{ ref('stg_usage__usage_event') }} as event
    where event.started_at < {{ as_of_end_at() }}
        and event.usage_date < {{ earliest_open_month('event._business_date') }}
        and {{ in_landed_days('event', 'usage_date', 'stg_usage__usage_event', touched, 'month') }}

),

dated as (

    select
        late.*,
        {{ month_of('late.usage_date') }} as month,
        {{ earliest_open_month(known_date('late.usage_date', 'late')) }} as posted_month
    from late

)

select
    dated.month,
    dated.posted_month,
    coalesce(version.region_id, 'unknown') as region_id,
    coalesce(version.brand_name, 'unknown') as brand_name,
    coalesce(version.service_line, 'unknown') as service_line,
    coalesce(version.plan_type, 'unknown') as plan_type,
    coalesce(monthly_value.value_tier, 'standard') as value_tier,
    dated.service_type,
    dated.direction,
    dated.network_type,
    dated.roaming_type,
    {{ sum_whole('dated.event_count') }} as event_count,
    {{ sum_whole('dated.duration_seconds') }} as duration_seconds,
    sum(cast(dated.volume_bytes as numeric)) / 1000000 as volume_mb,
    sum(dated.rated_amount) as rated_amount,
    coalesce(dated.currency_code, '') as currency_code
from dated
left join {{ ref('int_msisdn_validity') }} as validity
    on dated.msisdn_token = validity.msisdn_token
        and dated.started_at >= validity.valid_from_at
        and dated.started_at < validity.valid_to_at
left join {{ ref('dim_subscription') }} as version
    on validity.subscription_sk = version.subscription_sk
left join {{ ref('int_subscription_month_value') }} as monthly_value
    on validity.subscription_id = monthly_value.subscription_id and dated.month = monthly_value.month
where dated.posted_month > dated.month
group by
    dated.month,
    dated.posted_month,
    coalesce(version.region_id, 'unknown'),
    coalesce(version.brand_name, 'unknown'),
    coalesce(version.service_line, 'unknown'),
    coalesce(version.plan_type, 'unknown'),
    coalesce(monthly_value.value_tier, 'standard'),
    dated.service_type,
    dated.direction,
    dated.network_type,
    dated.roaming_type,
    coalesce(dated.currency_code, '')
