-- The liability is rounded in each region and tier, so that members are placed as the summary places them.
with months as (
    select month, (month + interval '1 month')::timestamp at time zone 'Asia/Shanghai' as end_at
    from (
        select generate_series(
            date_trunc('month', as_of_date) - interval '12 months',
            date_trunc('month', as_of_date) - interval '1 month',
            '1 month'
        )::date as month
        from marts.publication
        where is_current
    ) as full_months
),

moved as (
    select
        customer_id,
        posted_month,
        sum(points) filter (where transaction_type = 'earn') as earned,
        -sum(points) filter (where transaction_type = 'redeem') as redeemed,
        -sum(points) filter (where transaction_type = 'expire') as expired,
        sum(points) as points
    from marts.fct_loyalty_point
    group by customer_id, posted_month
),

held as (
    select
        moved.customer_id,
        months.month,
        months.end_at,
        sum(moved.earned) filter (where moved.posted_month = months.month) as earned,
        sum(moved.redeemed) filter (where moved.posted_month = months.month) as redeemed,
        sum(moved.expired) filter (where moved.posted_month = months.month) as expired,
        coalesce(sum(moved.points) filter (where moved.posted_month < months.month), 0) as opening,
        sum(moved.points) as closing
    from months
    inner join moved on moved.posted_month <= months.month
    group by moved.customer_id, months.month, months.end_at
),

tiers as (
    select line.month, line.customer_id, min(rank.tier_rank) as tier_rank
    from marts.subscription_monthly as line
    inner join (select value_tier, min(tier_rank) as tier_rank from marts.dim_value_tier group by value_tier) as rank
        on line.closing_value_tier = rank.value_tier
    where line.is_closing and line.month in (select month from months)
    group by line.month, line.customer_id
),

slices as (
    select
        held.month,
        customer.region_id,
        tiers.tier_rank,
        sum(held.opening) as opening,
        sum(held.earned) as earned,
        sum(held.redeemed) as redeemed,
        sum(held.expired) as expired,
        sum(held.closing) as closing
    from held
    left join marts.dim_customer as customer
        on held.customer_id = customer.customer_id
            and (customer.valid_from_at < held.end_at or customer.version_number = 1)
            and customer.valid_to_at >= held.end_at
    left join tiers on held.customer_id = tiers.customer_id and held.month = tiers.month
    group by held.month, customer.region_id, tiers.tier_rank
),

rates as (
    select
        months.month,
        coalesce(round(
            -sum(movement.points) filter (where movement.transaction_type = 'expire')::numeric
            / nullif(-sum(movement.points), 0), 6
        ), 0) as breakage_rate
    from months
    left join marts.fct_loyalty_point as movement
        on movement.transaction_type in ('redeem', 'expire')
            and movement.posted_month <= months.month
            and movement.posted_month > (months.month - interval '12 months')::date
    group by months.month
),

worth as (
    select
        valid_from_month,
        point_value_amount,
        currency_code,
        lead(valid_from_month) over (order by valid_from_month) as valid_to_month
    from reference.loyalty_point_value
)

select
    slices.month,
    worth.currency_code,
    sum(slices.opening) as opening_points,
    sum(slices.earned) as earned_points,
    sum(slices.redeemed) as redeemed_points,
    sum(slices.expired) as expired_points,
    sum(slices.closing) as closing_points,
    sum(round(slices.closing * worth.point_value_amount * (1 - rates.breakage_rate), 2)) as liability_amount
from slices
inner join rates using (month)
inner join worth
    on slices.month >= worth.valid_from_month
        and (worth.valid_to_month is null or slices.month < worth.valid_to_month)
group by slices.month, worth.currency_code
order by slices.month, worth.currency_code
