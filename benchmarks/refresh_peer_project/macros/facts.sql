{#- No prefix: the peer's tables stand in the schema of its name. -#}
{% macro generate_schema_name(custom_schema_name, node) -%} refresh_peer {%- endmacro %}

{% macro business_day(instant) -%}
    cast(({{ instant }}) at time zone '{{ var("time_zone") }}' as date)
{%- endmacro %}

{#- The days that are read again: those of the look-back, up to as_of_date. -#}
{% macro read_again(instant) -%}
    {{ instant }} < (select as_of_end_at from intermediate.int_as_of_date)
    {%- if is_incremental() %}
    and {{ instant }} >= (
        select as_of_end_at - interval '{{ var("look_back_days") }} days' from intermediate.int_as_of_date
    )
    {%- endif -%}
{%- endmacro %}

{% macro usage_daily() -%}
with events as (

    select
        event.*,
        {{ business_day('event.started_at') }} as usage_date
    from raw_usage.usage_event as event
    where {{ read_again('event.started_at') }}

)

select
    md5(concat_ws(
        '|', event.usage_date, coalesce(validity.subscription_sk, 0), event.service_type, event.direction,
        event.network_type, event.roaming_type, coalesce(event.currency_code, '')
    )) as usage_key,
    event.usage_date,
    coalesce(validity.subscription_id, 'unknown') as subscription_id,
    validity.subscription_sk,
    event.service_type,
    event.direction,
    event.network_type,
    event.roaming_type,
    coalesce(event.currency_code, '') as currency_code,
    cast(sum(coalesce(event.event_count, 1)) as bigint) as event_count,
    cast(sum(event.duration_seconds) as bigint) as duration_seconds,
    cast(sum(event.volume_bytes) as bigint) as volume_bytes,
    sum(event.rated_amount) as rated_amount
from events as event
left join intermediate.int_msisdn_validity as validity
    on event.msisdn_token = validity.msisdn_token
        and event.started_at >= validity.valid_from_at
        and event.started_at < validity.valid_to_at
group by 2, 3, 4, 5, 6, 7, 8, 9
{%- endmacro %}

{% macro topups() -%}
select
    topup.topup_id,
    topup.topped_up_at,
    {{ business_day('topup.topped_up_at') }} as topup_date,
    coalesce(validity.subscription_id, 'unknown') as subscription_id,
    validity.subscription_sk,
    topup.channel_type,
    topup.amount,
    topup.currency_code
from raw_usage.topup as topup
left join intermediate.int_msisdn_validity as validity
    on topup.msisdn_token = validity.msisdn_token
        and topup.topped_up_at >= validity.valid_from_at
        and topup.topped_up_at < validity.valid_to_at
where {{ read_again('topup.topped_up_at') }}
{%- endmacro %}
