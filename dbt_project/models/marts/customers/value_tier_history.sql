-- Spells of subscriptions in a value tier, from month-end to month-end: a spell breaks when the tier changes, or when
-- the subscription is off the network at a month end.
with closing as (

    select
        monthly.subscription_id,
        monthly.month,
        monthly.closing_value_tier as value_tier,
        monthly.value_tier_source,
        monthly.currency_code,
        monthly.market_type,
        monthly.closing_region_id as region_id,
        lag(monthly.month) over (partition by monthly.subscription_id order by monthly.month) as previous_month,
        lag(monthly.closing_value_tier) over (
            partition by monthly.subscription_id order by monthly.month
        ) as previous_value_tier
    from {{ ref('subscription_monthly') }} as monthly
    where monthly.is_closing

),

marked as (

    select
        *,
        case when previous_month = {{ date_plus('month', -1, 'month') }} then previous_value_tier end
            as from_value_tier,
        coalesce(
            previous_month = {{ date_plus('month', -1, 'month') }} and previous_value_tier = value_tier, false
        ) as is_continued
    from closing

),

numbered as (

    select
        *,
        sum(case when is_continued then 0 else 1 end) over (
            partition by subscription_id order by month
            rows between unbounded preceding and current row
        ) as spell_number
    from marked

),

spells as (

    select
        subscription_id,
        spell_number,
        value_tier,
        min(month) as entered_month,
        max(month) as last_month,
        count(*) as month_count,
        max(from_value_tier) filter (where not is_continued) as from_value_tier,
        max(value_tier_source) filter (where not is_continued) as entry_source,
        max(region_id) filter (where not is_continued) as entry_region_id,
        max(market_type) filter (where not is_continued) as entry_market_type
    from numbered
    group by subscription_id, spell_number, value_tier

),

known as (

    select
        min(month) as first_month,
        max(month) as last_month
    from {{ ref('int_month') }}

),

followed as (

    select
        spells.*,
        lead(spells.entered_month) over (
            partition by spells.subscription_id order by spells.spell_number
        ) as next_entered_month,
        lead(spells.value_tier) over (
            partition by spells.subscription_id order by spells.spell_number
        ) as next_value_tier,
        {{ date_plus('spells.last_month', 1, 'month') }} as month_after
    from spells

)

select
    followed.subscription_id,
    cast(followed.spell_number as integer) as spell_number,
    followed.value_tier,
    followed.entered_month,
    followed.entered_month = known.first_month as is_start_unknown,
    case when followed.last_month < known.last_month then followed.month_after end as left_month,
    followed.last_month = known.last_month as is_current,
    followed.month_count,
    followed.from_value_tier,
    case when followed.next_entered_month = followed.month_after then followed.next_value_tier end as to_value_tier,
    followed.entry_source,
    followed.entry_region_id,
    followed.entry_market_type
from followed
cross join known
