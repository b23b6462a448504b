-- Opening + billed + adjusted - credited - paid + reversed - written off = closing = gross - unapplied, and each
-- opening is the closing of the month before.
with months as (

    select
        receivable.*,
        coalesce(before.closing_amount, 0) as closing_before_amount
    from {{ ref('receivable_monthly') }} as receivable
    left join {{ ref('receivable_monthly') }} as before
        on receivable.account_id = before.account_id
            and receivable.currency_code = before.currency_code
            and receivable.month = {{ date_plus('before.month', 1, 'month') }}
    where receivable.month > (select min(known.month) from {{ ref('int_month') }} as known)

)

select
    month,
    account_id,
    currency_code,
    opening_amount,
    closing_amount,
    closing_before_amount
from months
where opening_amount + billed_amount + adjusted_amount - credited_amount - paid_amount + reversed_amount
    - written_off_amount <> closing_amount
    or gross_receivable_amount - unapplied_amount <> closing_amount
    or opening_amount <> closing_before_amount
    or least(gross_receivable_amount, unapplied_amount) < 0
