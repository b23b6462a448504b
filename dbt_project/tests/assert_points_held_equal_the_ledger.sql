-- Closing points of every month are the sum of the ledger up to it, no point is lost between slices, and transfers of a
-- month sum to zero.
with ledger as (

    select
        months.month,
        coalesce(sum(ledger.points), 0) as points
    from {{ ref('int_month') }} as months
    left join {{ ref('fct_loyalty_point') }} as ledger
        on months.month >= ledger.posted_month
    group by months.month

),

held as (

    select
        month,
        sum(closing_points) as points,
        sum(transfer_in_points - transfer_out_points) as transferred_points
    from {{ ref('loyalty_liability_monthly') }}
    group by month

)

select
    ledger.month,
    ledger.points as ledger_points,
    held.points as held_points
from ledger
left join held
    on ledger.month = held.month
where coalesce(held.points, 0) <> ledger.points or held.transferred_points <> 0
