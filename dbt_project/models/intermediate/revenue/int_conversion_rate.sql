{{ with_known_partitions('month') }}

-- The rate that converts each currency into the reporting currency for a month: the last one dated in the month, up to
-- the as-of date. A month without one has no row, and its amounts are not converted.
with dated as (

    select
        months.month,
        rate.from_currency_code,
        rate.rate_date,
        rate.exchange_rate,
        row_number() over (
            partition by months.month, rate.from_currency_code order by rate.rate_date desc
        ) as recency
    from {{ ref('dim_exchange_rate') }} as rate
    inner join {{ ref('int_month') }} as months
        on rate.rate_date >= months.month and rate.rate_date <= months.last_date
    where rate.to_currency_code = '{{ var("reporting_currency") }}'

)

select
    month,
    from_currency_code as currency_code,
    rate_date,
    exchange_rate
from dated
where recency = 1
