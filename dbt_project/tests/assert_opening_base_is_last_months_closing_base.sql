-- In every slice: what a month closes with, the next one opens with.
with balances as (

    select
        month,
        {{ slice_list() }},
        opening_count as balance
    from {{ ref('base_movement_monthly') }}
    where month > (select min(movement.month) from {{ ref('base_movement_monthly') }} as movement)

    union all

    select
        {{ date_plus('month', 1, 'month') }} as month,
        {{ slice_list() }},
        -1 * closing_count as balance
    from {{ ref('base_movement_monthly') }}
    where not is_open_month

)

select
    month,
    {{ slice_list() }},
    sum(balance) as difference
from balances
group by month, {{ slice_list() }}
having sum(balance) <> 0
