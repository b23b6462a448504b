-- Subscriptions in a tier at a month end = those a month before + entries - exits of value_tier_history.
with counted as (

    select
        month,
        closing_value_tier as value_tier,
        count(*) as held_count
    from {{ ref('subscription_monthly') }}
    where is_closing
    group by month, closing_value_tier

),

tiers as (

    select distinct value_tier
    from counted

),

cells as (

    select
        months.month,
        tiers.value_tier
    from {{ ref('int_month') }} as months
    cross join tiers

),

entries as (

    select
        entered_month as month,
        value_tier,
        count(*) as entry_count
    from {{ ref('value_tier_history') }}
    group by entered_month, value_tier

),

exits as (

    select
        left_month as month,
        value_tier,
        count(*) as exit_count
    from {{ ref('value_tier_history') }}
    where left_month is not null
    group by left_month, value_tier

)

select
    cells.month,
    cells.value_tier
from cells
left join counted
    on cells.month = counted.month and cells.value_tier = counted.value_tier
left join counted as before
    on {{ date_plus('cells.month', -1, 'month') }} = before.month and cells.value_tier = before.value_tier
left join entries
    on cells.month = entries.month and cells.value_tier = entries.value_tier
left join exits
    on cells.month = exits.month and cells.value_tier = exits.value_tier
where
    coalesce(counted.held_count, 0)
    <> coalesce(before.held_count, 0) + coalesce(entries.entry_count, 0) - coalesce(exits.exit_count, 0)
