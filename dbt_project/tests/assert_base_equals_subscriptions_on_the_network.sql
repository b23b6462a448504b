-- The closing base, counted anew from the stays.
with counted as (

    select
        months.month,
        count(presence.subscription_id) as subscription_count
    from {{ ref('int_month') }} as months
    left join {{ ref('int_subscription_presence') }} as presence
        on presence.joined_at < months.end_at
            and (presence.left_at is null or presence.left_at >= months.end_at)
    group by months.month

),

published as (

    select
        month,
        sum(closing_count) as closing_count
    from {{ ref('base_movement_monthly') }}
    group by month

)

select
    counted.month,
    counted.subscription_count,
    published.closing_count
from counted
left join published
    on counted.month = published.month
where counted.subscription_count <> coalesce(published.closing_count, 0)
