-- The marts beside the general ledger; what stands on one side only has a row too.
with revenue as (

    select
        posted_month,
        charge_type,
        currency_code,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from {{ ref('fct_revenue') }}
    group by posted_month, charge_type, currency_code

),

mart as (

    select
        account.account_code,
        revenue.posted_month as month,
        revenue.currency_code,
        revenue.net_amount as mart_amount
    from revenue
    inner join {{ ref('gl_account') }} as account
        on account.account_type = 'revenue' and revenue.charge_type = account.charge_type

    union all

    select
        account.account_code,
        revenue.posted_month as month,
        revenue.currency_code,
        sum(revenue.tax_amount) as mart_amount
    from revenue
    inner join {{ ref('gl_account') }} as account
        on account.account_type = 'tax'
    group by account.account_code, revenue.posted_month, revenue.currency_code

    union all

    select
        account.account_code,
        receivable.month,
        receivable.currency_code,
        sum(receivable.closing_amount) as mart_amount
    from {{ ref('receivable_monthly') }} as receivable
    inner join {{ ref('gl_account') }} as account
        on account.account_type = 'receivable'
    group by account.account_code, receivable.month, receivable.currency_code

),

ledger as (

    select
        account_code,
        month,
        currency_code,
        amount as ledger_amount
    from {{ ref('stg_finance__gl_total') }}

),

paired as (

    select
        coalesce(ledger.account_code, mart.account_code) as account_code,
        coalesce(ledger.month, mart.month) as month,
        coalesce(ledger.currency_code, mart.currency_code) as currency_code,
        ledger.ledger_amount,
        mart.mart_amount
    from ledger
    full outer join mart
        on ledger.account_code = mart.account_code
            and ledger.month = mart.month
            and ledger.currency_code = mart.currency_code

),

-- An account of the seed without a document in a billed month comes to nothing; before it is billed it is missing.
compared as (

    select
        paired.month,
        paired.account_code,
        account.account_type,
        paired.currency_code,
        months.is_month_closed,
        months.is_open_month,
        paired.ledger_amount,
        case
            when paired.mart_amount is null and account.account_code is not null and months.is_revenue_delivered then 0
            else paired.mart_amount
        end as mart_amount
    from paired
    inner join {{ ref('int_month') }} as months
        on paired.month = months.month
    left join {{ ref('gl_account') }} as account
        on paired.account_code = account.account_code

)

select
    compared.month,
    compared.account_code,
    coalesce(compared.account_type, 'unknown') as account_type,
    compared.currency_code,
    compared.is_month_closed,
    compared.is_open_month,
    compared.ledger_amount,
    compared.mart_amount,
    compared.ledger_amount - compared.mart_amount as difference_amount,
    case
        when compared.ledger_amount is null then 'not_in_ledger'
        when compared.mart_amount is null then 'not_in_marts'
        when compared.ledger_amount = compared.mart_amount then 'tied'
        else 'differs'
    end as status
from compared
