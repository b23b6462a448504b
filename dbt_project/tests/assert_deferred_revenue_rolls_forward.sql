-- Opening + topped up - used - expired = closing, never below zero, and each opening is the closing of the month
-- before.
with months as (

    select
        deferred.*,
        coalesce(before.closing_amount, 0) as closing_before_amount
    from {{ ref('deferred_revenue_monthly') }} as deferred
    left join {{ ref('deferred_revenue_monthly') }} as before
        on deferred.subscription_id = before.subscription_id
            and deferred.currency_code = before.currency_code
            and deferred.month = {{ date_plus('before.month', 1, 'month') }}
    where deferred.month > (select min(known.month) from {{ ref('int_month') }} as known)

)

select
    month,
    subscription_id,
    currency_code,
    opening_amount,
    closing_amount,
    closing_before_amount
from months
where opening_amount + topped_up_amount - used_amount - expired_amount <> closing_amount
    or closing_amount < 0
    or opening_amount <> closing_before_amount
