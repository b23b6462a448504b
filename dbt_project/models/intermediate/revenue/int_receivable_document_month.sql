-- What is open on each document at the end of each month, after payments that name it, write-offs and the account's
-- credit; negative where more was paid than asked for (so far: a payment may come before its bill). What was missing
-- when a payment ahead was taken back stands under the document ''. Documents with nothing open have no row.
with moves as (

    select
        account_id,
        currency_code,
        invoice_id,
        posted_month,
        amount
    from {{ ref('int_receivable_charge') }}
    where not is_account_credit

    union all

    select
        account_id,
        currency_code,
        invoice_id,
        posted_month,
        missing_amount - used_amount as amount
    from {{ ref('int_account_credit_use') }}

    union all

    select
        account_id,
        currency_code,
        invoice_id,
        posted_month,
        amount
    from {{ ref('int_receivable_entry') }}
    where entry_type in ('paid', 'reversed', 'written_off') and invoice_id <> ''

),

monthly as (

    select
        account_id,
        currency_code,
        invoice_id,
        posted_month,
        sum(amount) as amount
    from moves
    group by account_id, currency_code, invoice_id, posted_month

),

balances as (

    select
        account_id,
        currency_code,
        invoice_id,
        posted_month,
        sum(amount) over (
            partition by account_id, currency_code, invoice_id order by posted_month rows unbounded preceding
        ) as open_amount,
        lead(posted_month) over (
            partition by account_id, currency_code, invoice_id order by posted_month
        ) as next_month
    from monthly

),

due as (

    select
        account_id,
        currency_code,
        invoice_id,
        min(due_date) as due_date,
        min(posted_month) as billing_month
    from {{ ref('int_receivable_charge') }}
    group by account_id, currency_code, invoice_id

)

select
    months.month,
    balances.account_id,
    balances.currency_code,
    balances.invoice_id,
    due.billing_month,
    due.due_date,
    {{ dbt.datediff('due.due_date', 'months.last_date', 'day') }} as overdue_days, -- noqa: LT05
    balances.open_amount
from balances
inner join {{ ref('int_month') }} as months
    on balances.posted_month <= months.month
        and (balances.next_month is null or balances.next_month > months.month)
left join due
    on balances.account_id = due.account_id
        and balances.currency_code = due.currency_code
        and balances.invoice_id = due.invoice_id
where balances.open_amount <> 0
