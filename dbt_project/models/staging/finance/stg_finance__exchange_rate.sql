select
    from_currency_code,
    to_currency_code,
    rate_date,
    rate
from {{ source('finance', 'exchange_rate') }}
