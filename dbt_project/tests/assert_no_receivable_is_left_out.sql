-- What is owed in the last month is the sum of all documents, payments and write-offs posted by then, by currency.
with landed as (

    select
        currency_code,
        sum(net_amount + tax_amount) as amount
    from {{ ref('int_invoice_line_posted') }}
    where document_type <> 'statement'
        and posted_month <= (select max(months.month) from {{ ref('int_month') }} as months)
    group by currency_code

    union all

    select
        currency_code,
        -1 * sum(amount) as amount
    from {{ ref('fct_payment') }}
    where movement_type <> 'recovery'
    group by currency_code

    union all

    select
        currency_code,
        -1 * sum(amount) as amount
    from {{ ref('fct_collection') }}
    where event_type = 'write_off'
    group by currency_code

),

expected as (

    select
        currency_code,
        sum(amount) as amount
    from landed
    group by currency_code

),

found as (

    select
        currency_code,
        sum(closing_amount) as amount
    from {{ ref('receivable_monthly') }}
    where month = (select max(months.month) from {{ ref('int_month') }} as months)
    group by currency_code

)

select
    expected.currency_code,
    expected.amount as expected_amount,
    found.amount as mart_amount
from expected
left join found
    on expected.currency_code = found.currency_code
where expected.amount <> coalesce(found.amount, 0)
