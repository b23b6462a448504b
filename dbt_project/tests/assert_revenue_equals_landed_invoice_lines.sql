-- To the cent, by service month and currency: landed, in the fact, and in the summary as a whole.
with landed as (

    select
        service_month,
        currency_code,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from {{ ref('stg_billing__invoice_line') }}
    group by service_month, currency_code

),

fact as (

    select
        service_month,
        currency_code,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from {{ ref('fct_revenue') }}
    group by service_month, currency_code

),

summary as (

    select
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from {{ ref('revenue_monthly') }}

)

select
    coalesce(landed.service_month, fact.service_month) as service_month,
    coalesce(landed.currency_code, fact.currency_code) as currency_code,
    landed.net_amount as landed_amount,
    fact.net_amount as mart_amount
from landed
full outer join fact
    on landed.service_month = fact.service_month and landed.currency_code = fact.currency_code
where landed.net_amount is distinct from fact.net_amount or landed.tax_amount is distinct from fact.tax_amount

union all

select
    cast(null as date) as service_month,
    'all' as currency_code,
    (select sum(landed.net_amount) from landed) as landed_amount,
    summary.net_amount as mart_amount
from summary
where summary.net_amount is distinct from (select sum(landed.net_amount) from landed)
    or summary.tax_amount is distinct from (select sum(landed.tax_amount) from landed)
