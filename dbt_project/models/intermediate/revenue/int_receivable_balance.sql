-- What an account owes after each month in which something moved, and the next such month; negative where more was
-- paid than asked for.
with monthly as (

    select
        account_id,
        currency_code,
        posted_month,
        sum(amount) as amount
    from {{ ref('int_receivable_entry') }}
    group by account_id, currency_code, posted_month

)

select
    account_id,
    currency_code,
    posted_month,
    sum(amount) over (
        partition by account_id, currency_code order by posted_month rows unbounded preceding
    ) as balance_amount,
    lead(posted_month) over (partition by account_id, currency_code order by posted_month) as next_month
from monthly
