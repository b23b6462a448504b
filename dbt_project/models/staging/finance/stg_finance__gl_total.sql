select
    account_code,
    month,
    amount,
    currency_code,
    booked_at
from {{ source('finance', 'gl_total') }}
