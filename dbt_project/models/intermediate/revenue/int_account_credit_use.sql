-- The credit of an account (money paid ahead, credit notes) and how the documents that follow use it up, in the order
-- of posted month and due date; what came in a month is there for the documents of that month. `used_amount` is the
-- part of a document so settled; `missing_amount` is what a payment ahead took back beyond the credit left.
-- The credit is a running sum that never falls below zero: the plain sum less its own lowest point so far.
with money as (

    select
        account_id,
        currency_code,
        posted_month,
        -1 * amount as amount
    from {{ ref('int_receivable_entry') }}
    where invoice_id = ''

    union all

    select
        account_id,
        currency_code,
        posted_month,
        -1 * amount as amount
    from {{ ref('int_receivable_charge') }}
    where is_account_credit

),

steps as (

    select
        account_id,
        currency_code,
        posted_month,
        '' as invoice_id,
        cast(null as date) as due_date,
        0 as step,
        sum(amount) as amount
    from money
    group by account_id, currency_code, posted_month

    union all

    select
        account_id,
        currency_code,
        posted_month,
        invoice_id,
        due_date,
        1 as step,
        -1 * amount as amount
    from {{ ref('int_receivable_charge') }}
    where amount > 0

),

-- Only accounts that ever had a credit.
ordered as (

    select
        steps.*,
        row_number() over (
            partition by steps.account_id, steps.currency_code
            order by
                steps.posted_month, steps.step, coalesce(steps.due_date, cast('2199-12-31' as date)), steps.invoice_id
        ) as step_number
    from steps
    where
        exists (
            select 1
            from money
            where money.account_id = steps.account_id and money.currency_code = steps.currency_code
        )

),

summed as (

    select
        *,
        sum(amount) over (
            partition by account_id, currency_code order by step_number rows unbounded preceding
        ) as running_amount
    from ordered

),

floored as (

    select
        *,
        running_amount - least(
            0, min(running_amount) over (
                partition by account_id, currency_code order by step_number rows unbounded preceding
            )
        ) as credit_amount
    from summed

),

compared as (

    select
        *,
        coalesce(
            lag(credit_amount) over (partition by account_id, currency_code order by step_number), 0
        ) as credit_before_amount
    from floored

)

select
    account_id,
    currency_code,
    posted_month,
    invoice_id,
    step_number,
    credit_amount,
    case when step = 1 then credit_before_amount - credit_amount else 0 end as used_amount,
    case when step = 0 then credit_amount - credit_before_amount - amount else 0 end as missing_amount
from compared
