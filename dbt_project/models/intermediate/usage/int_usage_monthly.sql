-- Usage of each subscription version by month and kind.
select
    {{ month_of('usage_date') }} as month,
    subscription_id,
    subscription_sk,
    service_type,
    direction,
    network_type,
    roaming_type,
    currency_code,
    {{ sum_whole('event_count') }} as event_count,
    {{ sum_whole('duration_seconds') }} as duration_seconds,
    {{ sum_whole('volume_bytes') }} as volume_bytes,
    sum(rated_amount) as rated_amount
from {{ ref('fct_usage_daily') }}
group by
    {{ month_of('usage_date') }},
    subscription_id,
    subscription_sk,
    service_type,
    direction,
    network_type,
    roaming_type,
    currency_code
