-- Rates as delivered, and the other way round where that is not delivered for the day.
with delivered as (

    select
        from_currency_code,
        to_currency_code,
        rate_date,
        rate
    from {{ ref('stg_finance__exchange_rate') }}
    where rate > 0

),

both_ways as (

    select
        from_currency_code,
        to_currency_code,
        rate_date,
        rate as exchange_rate,
        false as is_inverse
    from delivered

    union all

    select
        delivered.to_currency_code as from_currency_code,
        delivered.from_currency_code as to_currency_code,
        delivered.rate_date,
        1 / delivered.rate as exchange_rate,
        true as is_inverse
    from delivered
    where
        not exists (
            select 1
            from delivered as other
            where other.from_currency_code = delivered.to_currency_code
                and other.to_currency_code = delivered.from_currency_code
                and other.rate_date = delivered.rate_date
        )

)

select
    {{ surrogate_key(['from_currency_code', 'to_currency_code', 'rate_date']) }} as exchange_rate_sk,
    from_currency_code,
    to_currency_code,
    rate_date,
    {{ month_of('rate_date') }} as rate_month,
    cast(exchange_rate as numeric(18, 8)) as exchange_rate,
    is_inverse,
    row_number() over (
        partition by from_currency_code, to_currency_code order by rate_date desc
    ) = 1 as is_latest
from both_ways
