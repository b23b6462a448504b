-- A converted amount stands with a rate of the month, or is missing.
select *
from {{ ref('revenue_monthly') }}
where
    case conversion_status
        when 'same_currency' then converted_net_amount is distinct from net_amount or rate_date is not null
        when 'converted'
            then converted_net_amount is distinct from round(net_amount * exchange_rate, 2)
            or {{ month_of('rate_date') }} is distinct from month
        else converted_net_amount is not null or exchange_rate is not null
    end
