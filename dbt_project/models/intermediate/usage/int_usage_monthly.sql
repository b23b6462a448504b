{{ config(pre_hook=large_memory()) }}
{{ by_partition('month', 'month') }}
{%- set touched = touched_partitions({'fct_usage_daily': 'same'}) %}

-- Usage of each subscription version by month and kind.
select
    {{ month_of('usage_date') }} as month,
    subscription_sk,
    service_type,
    direction,
    network_type,
    roaming_type,
    currency_code,
    {{ sum_whole('event_count') }} as event_count,
    {{ sum_whole('duration_seconds') }} as duration_seconds,
    {{ sum_whole('volume_bytes') }} as volume_bytes,
    sum(rated_amount) as rated_amount,
    subscription_id
from {{ ref('fct_usage_daily') }}
where {{ in_partitions('usage_date', touched, 'month') }}
group by
    {{ month_of('usage_date') }},
    subscription_sk,
    service_type,
    direction,
    network_type,
    roaming_type,
    currency_code,
    subscription_id
