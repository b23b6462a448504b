with period as (
    select
        month,
        (month + interval '1 month')::date - 1 as last_date,
        ((month + interval '1 month')::timestamp at time zone 'Asia/Shanghai') as end_at
    from (
        select (date_trunc('month', as_of_date) - interval '1 month')::date as month
        from marts.publication
        where is_current
    ) as last
),

moved as (
    select
        entry.account_id,
        entry.currency_code,
        sum(entry.amount) filter (where entry.posted_month < period.month) as opening_amount,
        sum(entry.amount) filter (
            where entry.posted_month = period.month and entry.entry_type in ('billed', 'adjusted', 'credited')
        ) as billed_amount,
        -sum(entry.amount) filter (
            where entry.posted_month = period.month and entry.entry_type in ('paid', 'reversed')
        ) as paid_amount,
        -sum(entry.amount) filter (
            where entry.posted_month = period.month and entry.entry_type = 'written_off'
        ) as written_off_amount,
        sum(entry.amount) as closing_amount
    from intermediate.int_receivable_entry as entry
    inner join period on entry.posted_month <= period.month
    group by entry.account_id, entry.currency_code
),

-- What was asked for on a document, what the account's credit settled of it, and what was paid or written off.
parts as (
    select account_id, currency_code, invoice_id, posted_month, amount
    from intermediate.int_receivable_charge
    where not is_account_credit

    union all

    select account_id, currency_code, invoice_id, posted_month, missing_amount - used_amount as amount
    from intermediate.int_account_credit_use

    union all

    select account_id, currency_code, invoice_id, posted_month, amount
    from intermediate.int_receivable_entry
    where entry_type in ('paid', 'reversed', 'written_off') and invoice_id <> ''
),

documents as (
    select parts.account_id, parts.currency_code, parts.invoice_id, sum(parts.amount) as open_amount
    from parts
    inner join period on parts.posted_month <= period.month
    group by parts.account_id, parts.currency_code, parts.invoice_id
    having sum(parts.amount) > 0
),

due as (
    select account_id, currency_code, invoice_id, min(due_date) as due_date
    from intermediate.int_receivable_charge
    group by account_id, currency_code, invoice_id
),

opened as (
    select
        documents.account_id,
        documents.currency_code,
        sum(documents.open_amount) as gross_receivable_amount,
        sum(documents.open_amount) filter (where period.last_date - due.due_date > 30) as overdue_over_30_amount
    from documents
    cross join period
    left join due using (account_id, currency_code, invoice_id)
    group by documents.account_id, documents.currency_code
)

select
    coalesce(payer.region_id, 'unknown') as region_id,
    moved.currency_code,
    coalesce(sum(moved.opening_amount), 0) as opening_amount,
    coalesce(sum(moved.billed_amount), 0) as billed_amount,
    coalesce(sum(moved.paid_amount), 0) as paid_amount,
    coalesce(sum(moved.written_off_amount), 0) as written_off_amount,
    coalesce(sum(moved.closing_amount), 0) as closing_amount,
    coalesce(sum(opened.gross_receivable_amount), 0) as gross_receivable_amount,
    coalesce(sum(opened.overdue_over_30_amount), 0) as overdue_over_30_amount
from moved
cross join period
left join opened using (account_id, currency_code)
left join marts.dim_account as account
    on moved.account_id = account.account_id
        and (account.valid_from_at < period.end_at or account.version_number = 1)
        and account.valid_to_at >= period.end_at
left join marts.dim_customer as payer
    on account.customer_id = payer.customer_id
        and (payer.valid_from_at < period.end_at or payer.version_number = 1)
        and payer.valid_to_at >= period.end_at
group by 1, 2
order by 1, 2
