-- A difference is a matter for finance, not a reason to show nothing: it warns, and gl_reconciliation_monthly lists it.
{{ config(severity='warn') }}

select *
from {{ ref('gl_reconciliation_monthly') }}
where is_month_closed and status in ('differs', 'not_in_marts')
