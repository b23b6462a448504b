select
    topup_id,
    msisdn_token,
    topped_up_at,
    amount,
    currency_code,
    channel_type,
    {{ local_date('topped_up_at') }} as topup_date
from {{ source('usage', 'topup') }}
