-- In each whole month that lost_customer looks back on, it has as many exits of each kind as the base movement.
with window_start as (

    select {{ date_plus('as_of_date', '-' ~ var('lost_customer_months'), 'month') }} as day
    from {{ ref('int_as_of_date') }}

),

moved as (

    select
        monthly.month,
        sum(monthly.voluntary_churn_count) as voluntary_count,
        sum(monthly.involuntary_churn_count) as involuntary_count,
        sum(monthly.inactive_churn_count) as inactive_count
    from {{ ref('base_movement_monthly') }} as monthly
    cross join window_start
    where monthly.month > window_start.day
    group by monthly.month

),

lost as (

    select
        left_month,
        count(*) filter (where churn_type = 'voluntary') as voluntary_count,
        count(*) filter (where churn_type = 'involuntary') as involuntary_count,
        count(*) filter (where churn_type = 'inactive') as inactive_count
    from {{ ref('lost_customer') }}
    group by left_month

)

select moved.month
from moved
left join lost
    on moved.month = lost.left_month
where
    moved.voluntary_count <> coalesce(lost.voluntary_count, 0)
    or moved.involuntary_count <> coalesce(lost.involuntary_count, 0)
    or moved.inactive_count <> coalesce(lost.inactive_count, 0)
