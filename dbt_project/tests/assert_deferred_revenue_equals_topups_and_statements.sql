-- Over the whole history and by currency: what was topped up less what was used or not covered is what top-ups less
-- statements come to.
with sources as (

    select
        currency_code,
        sum(amount) as amount
    from {{ ref('fct_topup') }}
    group by currency_code

    union all

    select
        currency_code,
        -1 * sum(net_amount + tax_amount) as amount
    from {{ ref('fct_revenue') }}
    where document_type = 'statement'
        and posted_month <= (select max(months.month) from {{ ref('int_month') }} as months)
    group by currency_code

),

expected as (

    select
        currency_code,
        sum(amount) as amount
    from sources
    group by currency_code

),

found as (

    select
        currency_code,
        sum(topped_up_amount - used_amount - uncovered_amount) as amount
    from {{ ref('deferred_revenue_monthly') }}
    group by currency_code

)

select
    expected.currency_code,
    expected.amount as expected_amount,
    found.amount as mart_amount
from expected
full outer join found
    on expected.currency_code = found.currency_code
where expected.amount is distinct from found.amount
