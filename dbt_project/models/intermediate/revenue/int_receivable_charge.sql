-- What each document asks for or gives back in each posted month. Less on a document that asked for something before
-- lowers that document; any other credit goes to the account's credit, which later documents use up.
with charges as (

    select
        account_id,
        currency_code,
        posted_month,
        invoice_id,
        sum(amount) as amount
    from {{ ref('int_receivable_entry') }}
    where entry_type in ('billed', 'adjusted', 'credited')
    group by account_id, currency_code, posted_month, invoice_id

),

summed as (

    select
        *,
        coalesce(
            sum(amount) over (
                partition by account_id, currency_code, invoice_id
                order by posted_month
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as asked_before_amount
    from charges

),

due as (

    select
        account_id,
        currency_code,
        invoice_id,
        min(due_date) as due_date
    from {{ ref('int_invoice_line_posted') }}
    where document_type <> 'statement'
    group by account_id, currency_code, invoice_id

)

select
    summed.account_id,
    summed.currency_code,
    summed.posted_month,
    summed.invoice_id,
    due.due_date,
    summed.amount,
    summed.amount < 0 and summed.asked_before_amount <= 0 as is_account_credit
from summed
left join due
    on summed.account_id = due.account_id
        and summed.currency_code = due.currency_code
        and summed.invoice_id = due.invoice_id
