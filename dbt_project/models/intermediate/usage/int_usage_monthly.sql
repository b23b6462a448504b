{{ config(pre_hook=large_memory()) }}

-- Usage of each subscription version by month and kind.
with monthly as (

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
        sum(rated_amount) as rated_amount
    from {{ ref('fct_usage_daily') }}
    group by
        {{ month_of('usage_date') }},
        subscription_sk,
        service_type,
        direction,
        network_type,
        roaming_type,
        currency_code

)

select
    monthly.*,
    coalesce(version.subscription_id, 'unknown') as subscription_id
from monthly
left join {{ ref('dim_subscription') }} as version
    on monthly.subscription_sk = version.subscription_sk
