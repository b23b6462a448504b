-- A difference is a matter for finance, not a reason to show nothing: it warns, and gl_reconciliation_monthly lists it.
{{ config(severity='warn') }}

select
    month,
    account_code,
    currency_code,
    ledger_amount,
    mart_amount,
    status
from {{ ref('gl_reconciliation_monthly') }}
where is_month_closed and status in ('differs', 'not_in_marts')
