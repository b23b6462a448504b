{{ by_partition('topup_date', 'day') }}
{%- set touched = touched_partitions({
    'stg_usage__topup': 'landed',
    'int_msisdn_validity': 'interval',
}) -%}
select
    topup.topup_id,
    topup.topped_up_at,
    topup.topup_date,
    coalesce(validity.subscription_id, 'unknown') as subscription_id,
    validity.subscription_sk,
    topup.channel_type,
    topup.amount,
    topup.currency_code
from {{ ref('stg_usage__topup') }} as topup
left join {{ ref('int_msisdn_validity') }} as validity
    on topup.msisdn_token = validity.msisdn_token
        and topup.topped_up_at >= validity.valid_from_at
        and topup.topped_up_at < validity.valid_to_at
where topup.topped_up_at < {{ as_of_end_at() }}
    and {{ in_landed_days('topup', 'topup_date', 'stg_usage__topup', touched) }}
