-- Points of every member at the end of each month, from the first movement on, and where the member stands then. Region
-- is that of the customer, tier the best of the lines owned; unknown for whoever has no line left.
with months as (

    select
        month,
        end_at
    from {{ ref('int_month') }}

),

movements as (

    select
        customer_id,
        posted_month,
        sum(case when transaction_type = 'earn' then points else 0 end) as earned_points,
        -1 * sum(case when transaction_type = 'redeem' then points else 0 end) as redeemed_points,
        -1 * sum(case when transaction_type = 'expire' then points else 0 end) as expired_points,
        sum(case when transaction_type = 'adjust' then points else 0 end) as adjusted_points,
        sum(points) as moved_points
    from {{ ref('int_loyalty_movement') }}
    group by customer_id, posted_month

),

first_months as (

    select
        customer_id,
        min(posted_month) as first_posted_month
    from movements
    group by customer_id

),

-- What was moved before the first delivered month is in its opening.
earlier as (

    select
        movements.customer_id,
        sum(movements.moved_points) as moved_points
    from movements
    where movements.posted_month < (select min(months.month) from months)
    group by movements.customer_id

),

member_months as (

    select
        first_months.customer_id,
        months.month,
        months.end_at
    from first_months
    inner join months
        on first_months.first_posted_month <= months.month

),

balances as (

    select
        member_months.customer_id,
        member_months.month,
        member_months.end_at,
        coalesce(movements.earned_points, 0) as earned_points,
        coalesce(movements.redeemed_points, 0) as redeemed_points,
        coalesce(movements.expired_points, 0) as expired_points,
        coalesce(movements.adjusted_points, 0) as adjusted_points,
        coalesce(movements.moved_points, 0) as moved_points,
        coalesce(earlier.moved_points, 0)
        + sum(coalesce(movements.moved_points, 0)) over (
            partition by member_months.customer_id order by member_months.month rows unbounded preceding
        ) as closing_points
    from member_months
    left join movements
        on member_months.customer_id = movements.customer_id and member_months.month = movements.posted_month
    left join earlier
        on member_months.customer_id = earlier.customer_id

),

ranks as (

    select
        value_tier,
        min(tier_rank) as tier_rank
    from {{ ref('value_tier') }}
    group by value_tier

),

tiers as (

    select
        movement.month,
        version.customer_id,
        min(ranks.tier_rank) as tier_rank
    from {{ ref('int_subscription_month') }} as movement
    inner join {{ ref('dim_subscription') }} as version
        on movement.closing_subscription_sk = version.subscription_sk
    inner join {{ ref('int_subscription_month_value') }} as monthly_value
        on movement.month = monthly_value.month and movement.subscription_id = monthly_value.subscription_id
    inner join ranks
        on monthly_value.value_tier = ranks.value_tier
    where movement.is_closing
    group by movement.month, version.customer_id

)

select
    balances.customer_id,
    balances.month,
    coalesce(customer.region_id, 'unknown') as region_id,
    coalesce(ranks.value_tier, 'unknown') as value_tier,
    cast(balances.closing_points - balances.moved_points as bigint) as opening_points,
    cast(balances.earned_points as bigint) as earned_points,
    cast(balances.redeemed_points as bigint) as redeemed_points,
    cast(balances.expired_points as bigint) as expired_points,
    cast(balances.adjusted_points as bigint) as adjusted_points,
    cast(balances.closing_points as bigint) as closing_points
from balances
left join {{ ref('dim_customer') }} as customer
    on balances.customer_id = customer.customer_id and {{ version_before('customer', 'balances.end_at') }}
left join tiers
    on balances.customer_id = tiers.customer_id and balances.month = tiers.month
left join ranks
    on tiers.tier_rank = ranks.tier_rank
