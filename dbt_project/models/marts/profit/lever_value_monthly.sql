{%- set threshold = "(select threshold_value from " ~ ref('lever_threshold') ~ " where threshold_code = '{}')" %}
-- Performance over the window against the target; the gap, applied to the month's addressable base, at the margin of a
-- success. Values below zero are none: who is better than the target has nothing at stake.
with windowed as (

    select
        now.lever_number,
        now.month,
        now.region_id,
        now.currency_code,
        now.addressable_quantity,
        sum(past.addressable_quantity) as window_addressable_quantity,
        -- With decimals enough that a rate times millions of people keeps its cents.
        cast(sum(past.success_quantity) as numeric(38, 20)) as window_success_quantity
    from {{ ref('int_lever_performance') }} as now
    inner join {{ ref('int_lever_performance') }} as past
        on now.lever_number = past.lever_number
            and now.region_id = past.region_id
            and now.currency_code = past.currency_code
            and past.month <= now.month
            and past.month > {{ date_plus('now.month', -1 * var('lever_window_months'), 'month') }}
    group by now.lever_number, now.month, now.region_id, now.currency_code, now.addressable_quantity

),

performed as (

    select
        windowed.*,
        rule.is_lower_better,
        rule.margin_basis,
        rule.margin_share,
        rule.months_factor,
        rule.target_rate as set_target_rate,
        lever.execution_difficulty,
        windowed.window_success_quantity / windowed.window_addressable_quantity as performance_rate,
        case
            when windowed.window_addressable_quantity >= {{ threshold.format('best_region_min_count') }}
                then windowed.window_success_quantity / windowed.window_addressable_quantity
        end as eligible_rate
    from windowed
    inner join {{ ref('lever_rule') }} as rule
        on windowed.lever_number = rule.lever_number
    inner join {{ ref('dim_value_lever') }} as lever
        on windowed.lever_number = lever.lever_number

),

best as (

    select
        *,
        min(case when eligible_rate < 0 then 0 else eligible_rate end) over region_rows as lowest_rate,
        max(eligible_rate) over region_rows as highest_rate
    from performed
    window region_rows as (partition by lever_number, month, currency_code)

),

targeted as (

    select
        *,
        coalesce(set_target_rate, case when is_lower_better then lowest_rate else highest_rate end) as target_rate,
        case when set_target_rate is not null then 'operator' else 'best_region' end as target_source
    from best

),

valued as (

    select
        targeted.*,
        case
            when targeted.is_lower_better then targeted.performance_rate - targeted.target_rate
            else targeted.target_rate - targeted.performance_rate
        end as gap_rate,
        targeted.margin_share * case targeted.margin_basis
            when 'money' then 1
            when 'core' then margin.core_margin_amount
            else margin.line_margin_amount
        end as success_margin_amount
    from targeted
    left join {{ ref('int_line_margin') }} as margin
        on targeted.month = margin.month
            and targeted.region_id = margin.region_id
            and targeted.currency_code = margin.currency_code

),

staked as (

    select
        *,
        case when gap_rate < 0 then 0 else gap_rate end
        * addressable_quantity
        * case when success_margin_amount < 0 then 0 else success_margin_amount end
        * months_factor as unrounded_amount
    from valued

),

operator_margin as (

    select
        month,
        currency_code,
        12 * sum(running_margin_amount) as yearly_margin_amount
    from {{ ref('customer_profit_monthly') }}
    group by month, currency_code

),

shared as (

    select
        staked.*,
        -- What a rate lacks beyond its decimals is not to decide between two cents.
        round(round(staked.unrounded_amount, 7), 2) as yearly_contribution_margin_amount,
        operator_margin.yearly_margin_amount,
        sum(staked.unrounded_amount) over (
            partition by staked.lever_number, staked.month, staked.currency_code
        ) as lever_amount,
        staked.execution_difficulty = 'low' as is_easy
    from staked
    left join operator_margin
        on staked.month = operator_margin.month and staked.currency_code = operator_margin.currency_code

)

select
    shared.month,
    shared.lever_number,
    shared.region_id,
    shared.currency_code,
    months.is_month_closed,
    months.is_open_month,
    cast(shared.addressable_quantity as numeric(20, 2)) as addressable_quantity,
    cast(shared.performance_rate as numeric(18, 9)) as performance_rate,
    cast(shared.target_rate as numeric(18, 9)) as target_rate,
    case when shared.target_rate is not null then shared.target_source end as target_source,
    cast(shared.success_margin_amount as numeric(18, 2)) as success_margin_amount,
    shared.yearly_contribution_margin_amount,
    shared.execution_difficulty,
    case
        when shared.lever_amount is null or shared.yearly_margin_amount is null then 'not known'
        when shared.lever_amount < {{ threshold.format('high_value_share_min') }} * shared.yearly_margin_amount
            then case when shared.is_easy then 'no regret' else 'low priority' end
        when shared.is_easy then 'quick win'
        else 'strategic must'
    end as quadrant_name
from shared
inner join {{ ref('int_month') }} as months
    on shared.month = months.month
