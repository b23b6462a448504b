-- Movements of points with the month they count in: the month they happened while that is open, else the earliest month
-- still open when they were delivered, so that the balance of a closed month stands.
with known as (

    select
        loyalty_transaction_id,
        customer_id,
        subscription_id,
        occurred_at,
        occurred_date,
        transaction_type,
        reason_code,
        points,
        expires_on_date,
        {{ month_of('occurred_date') }} as occurred_month,
        greatest(occurred_date, _business_date) as known_date
    from {{ ref('stg_marketing__loyalty_transaction') }}
    where occurred_at < {{ as_of_end_at() }}

)

select
    loyalty_transaction_id,
    customer_id,
    subscription_id,
    occurred_at,
    occurred_date,
    greatest(
        occurred_month, {{ earliest_open_month('known_date') }}
    ) as posted_month,
    transaction_type,
    reason_code,
    points,
    expires_on_date
from known
