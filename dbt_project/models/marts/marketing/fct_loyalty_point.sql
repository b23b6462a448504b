-- The oldest points are spent first: what is left of the points of a movement is what all that was taken so far does
-- not reach, the lots in the order in which they would expire.
with movements as (

    select
        *,
        sum(points) over (
            partition by customer_id order by occurred_at, loyalty_transaction_id rows unbounded preceding
        ) as balance_points,
        -1 * sum(least(points, 0)) over (partition by customer_id) as taken_points,
        sum(greatest(points, 0)) over (
            partition by customer_id
            order by coalesce(expires_on_date, cast('9999-12-31' as date)), occurred_at, loyalty_transaction_id
            rows unbounded preceding
        ) as given_points
    from {{ ref('int_loyalty_movement') }}

)

select
    movements.loyalty_transaction_id,
    movements.customer_id,
    customer.customer_sk,
    movements.subscription_id,
    version.subscription_sk,
    movements.occurred_at,
    movements.occurred_date,
    movements.posted_month,
    movements.transaction_type,
    movements.reason_code,
    cast(movements.points as bigint) as points,
    movements.expires_on_date,
    cast(movements.balance_points as bigint) as balance_points,
    cast(
        case
            when movements.points > 0
                then least(movements.points, greatest(movements.given_points - movements.taken_points, 0))
        end as bigint
    ) as remaining_points
from movements
left join {{ ref('dim_customer') }} as customer
    on movements.customer_id = customer.customer_id and {{ version_at('customer', 'movements.occurred_at') }}
left join {{ ref('dim_subscription') }} as version
    on movements.subscription_id = version.subscription_id and {{ version_at('version', 'movements.occurred_at') }}
