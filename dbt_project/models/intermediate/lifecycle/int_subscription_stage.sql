{{ config(pre_hook=large_memory()) }}

-- The stage of each line at the end of each month (at as_of_date in the open one): the rules in the order E, A, D, B,
-- and C for the rest. A line that left is in E for so many month ends, then in no stage.
--
-- Order of a run: this is built before anything is scored, so the churn score is one that an earlier run left, from
-- before the snapshot. A run again on the same day finds the scores of that day and must not use them; for the same
-- reason the end of a past month never sees a score of its own day. The stage is no feature of the model.
with rule as (

    select * from {{ ref('int_stage_threshold') }}

),

standing as (

    select
        months.month,
        months.last_date,
        presence.subscription_id,
        {{ dbt.bool_or('presence.left_at is null or presence.left_at >= months.end_at') }} as is_on_network,
        max(case when presence.left_at < months.end_at then presence.left_at end) as left_at
    from {{ ref('int_month') }} as months
    inner join {{ ref('int_subscription_presence') }} as presence
        on presence.joined_at < months.end_at
    cross join rule
    where presence.left_at is null
        or presence.left_at >= months.end_at
        or {{ date_plus(local_date('presence.left_at'), 'rule.exit_months', 'month') }} > months.last_date
    group by months.month, months.last_date, presence.subscription_id

),

score_dates as (

    select distinct as_of_date
    from {{ ref('stg_scores__churn_score') }}

),

score_ranks as (

    select
        months.month,
        score_dates.as_of_date,
        row_number() over (partition by months.month order by score_dates.as_of_date desc) as recency
    from {{ ref('int_month') }} as months
    inner join score_dates
        on score_dates.as_of_date < months.last_date
    cross join rule
    where score_dates.as_of_date >= {{ date_plus('months.last_date', '-1 * rule.decline_score_max_age_days') }}

),

scores as (

    -- Everybody eligible is scored on each day of scoring, so the latest day is the latest score of everybody.
    select
        score_ranks.month,
        score.subscription_id,
        score.as_of_date as scored_date,
        score.churn_probability
    from score_ranks
    inner join {{ ref('stg_scores__churn_score') }} as score
        on score_ranks.as_of_date = score.as_of_date
    where score_ranks.recency = 1

),

tested as (

    select
        standing.month,
        standing.subscription_id,
        standing.is_on_network,
        case when not standing.is_on_network then standing.left_at end as left_at,
        {{ dbt.datediff('lifetime.activated_date', 'standing.last_date', 'day') }} as activated_days, -- noqa: LT05
        coalesce(signals.signal_count, 0) as signal_count,
        coalesce(signals.high_signal_count, 0) as high_signal_count,
        coalesce(signals.medium_signal_count, 0) as medium_signal_count,
        coalesce(signals.low_signal_count, 0) as low_signal_count,
        scores.scored_date,
        scores.churn_probability,
        growth.earlier_revenue_amount,
        growth.later_revenue_amount,
        coalesce(growth.added_offer_count, 0) as added_offer_count,
        rule.acquisition_days,
        rule.decline_high_signal_count,
        rule.decline_medium_signal_count,
        rule.decline_churn_probability,
        rule.growth_revenue_ratio
    from standing
    cross join rule
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on standing.subscription_id = lifetime.subscription_id
    left join {{ ref('int_subscription_signal_month') }} as signals
        on standing.month = signals.month
            and standing.subscription_id = signals.subscription_id
            and standing.is_on_network
    left join scores
        on standing.month = scores.month and standing.subscription_id = scores.subscription_id
    left join {{ ref('int_subscription_growth') }} as growth
        on standing.month = growth.month and standing.subscription_id = growth.subscription_id

),

decided as (

    select
        *,
        case
            when not is_on_network then 'exit_months'
            when activated_days <= acquisition_days then 'acquisition_days'
            when high_signal_count >= decline_high_signal_count then 'decline_high_signal_count'
            when medium_signal_count >= decline_medium_signal_count then 'decline_medium_signal_count'
            when churn_probability >= decline_churn_probability then 'decline_churn_probability'
            when
                earlier_revenue_amount > 0
                and later_revenue_amount >= earlier_revenue_amount * growth_revenue_ratio
                then 'growth_revenue_ratio'
            when added_offer_count > 0 then 'growth_offer_months'
        end as rule_code
    from tested

)

select
    decided.month,
    decided.subscription_id,
    coalesce(rule.lifecycle_stage_code, 'C') as lifecycle_stage_code,
    decided.rule_code,
    decided.left_at,
    decided.signal_count,
    decided.high_signal_count,
    decided.medium_signal_count,
    decided.low_signal_count,
    decided.scored_date,
    decided.churn_probability
from decided
left join {{ ref('lifecycle_stage_rule') }} as rule
    on decided.rule_code = rule.rule_code
