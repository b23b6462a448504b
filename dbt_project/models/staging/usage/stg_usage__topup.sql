select
    topup.topup_id,
    topup.msisdn_token,
    topup.topped_up_at,
    topup.amount,
    topup.currency_code,
    topup.channel_type,
    {{ local_date('topup.topped_up_at') }} as topup_date,
    load.business_date as _business_date,
    coalesce(load.period_from, load.business_date) as _period_from,
    topup._load_id
from {{ source('usage', 'topup') }} as topup
inner join {{ source('ops', 'load') }} as load on topup._load_id = load.load_id
