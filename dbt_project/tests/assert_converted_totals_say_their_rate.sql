-- A converted amount stands with a rate of the month, or is missing.
select
    month,
    currency_code,
    conversion_status,
    net_amount,
    exchange_rate,
    rate_date,
    converted_net_amount
from {{ ref('revenue_monthly') }}
where
    (
        conversion_status = 'same_currency'
        and (converted_net_amount is distinct from net_amount or rate_date is not null)
    )
    or (
        conversion_status = 'converted'
        and (
            converted_net_amount is distinct from round(net_amount * exchange_rate, 2)
            or {{ month_of('rate_date') }} is distinct from month
        )
    )
    or (
        conversion_status = 'rate_missing'
        and (converted_net_amount is not null or exchange_rate is not null)
    )
