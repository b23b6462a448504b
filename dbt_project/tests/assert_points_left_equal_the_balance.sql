-- What is left of the lots of a member is the member's balance, unless more was taken than was ever given.
select
    customer_id,
    sum(points) as balance_points,
    sum(coalesce(remaining_points, 0)) as remaining_points
from {{ ref('fct_loyalty_point') }}
group by customer_id
having greatest(sum(points), 0) <> sum(coalesce(remaining_points, 0))
