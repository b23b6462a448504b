-- How long lines stay (Kaplan and Meier 1958): at each month of tenure the lines watched in it, and those of them that
-- left. A line is watched from when the history begins to when it leaves or the last full month ends, so that who has
-- not left yet counts for as long as it was there.
{% set horizon = 24 -%}
{%- set upto = '(partition by plan_type order by tenure_month)' -%}
with watched as (

    select
        coalesce(monthly.opening_plan_type, monthly.closing_plan_type) as plan_type,
        (extract(year from monthly.month) - extract(year from lifetime.activated_date)) * 12
        + extract(month from monthly.month) - extract(month from lifetime.activated_date) as tenure_month,
        case when monthly.is_opening then 1 else 0 end
        + monthly.activation_count + monthly.reactivation_count + monthly.win_back_count as stay_count,
        monthly.opening_churn_count + monthly.same_month_churn_count as left_count
    from {{ ref('subscription_monthly') }} as monthly
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on monthly.subscription_id = lifetime.subscription_id
    where not monthly.is_open_month

),

counted as (

    select
        plan_type,
        tenure_month,
        sum(stay_count) as at_risk_count,
        sum(left_count) as left_count
    from watched
    group by plan_type, tenure_month
    having sum(stay_count) > 0

),

followed as (

    select
        plan_type,
        tenure_month,
        at_risk_count,
        left_count,
        -- Where everyone left nobody is left afterwards, and the logarithm has no value.
        max(case when left_count = at_risk_count then 1 else 0 end) over {{ upto }} as has_ended,
        sum(ln(1 - cast(left_count as double precision) / nullif(at_risk_count, left_count))) over {{ upto }}
            as log_survival,
        -- Greenwood (1926).
        sum(cast(left_count as double precision) / at_risk_count / nullif(at_risk_count - left_count, 0))
            over {{ upto }} as variance
    from counted

),

survival as (

    select
        *,
        cast(left_count as double precision) / at_risk_count as hazard_rate,
        case when has_ended = 1 then 0 else exp(log_survival) end as survival_rate
    from followed

),

ahead as (

    select
        survival.plan_type,
        survival.tenure_month,
        count(later.tenure_month) as known_month_count,
        sum(later.survival_rate) as survival_sum
    from survival
    inner join survival as later
        on survival.plan_type = later.plan_type
            and later.tenure_month > survival.tenure_month
            and later.tenure_month <= survival.tenure_month + {{ horizon }}
    group by survival.plan_type, survival.tenure_month

)

select
    survival.plan_type,
    cast(survival.tenure_month as integer) as tenure_month,
    cast(survival.at_risk_count as bigint) as at_risk_count,
    cast(survival.left_count as bigint) as left_count,
    cast(survival.hazard_rate as numeric(12, 6)) as hazard_rate,
    cast(survival.survival_rate as numeric(12, 6)) as survival_rate,
    cast(
        greatest(survival.survival_rate * (1 - 1.96 * sqrt(survival.variance)), 0) as numeric(12, 6)
    ) as survival_low_rate,
    cast(
        least(survival.survival_rate * (1 + 1.96 * sqrt(survival.variance)), 1) as numeric(12, 6)
    ) as survival_high_rate,
    case
        when ahead.known_month_count = {{ horizon }} and survival.survival_rate > 0
            then cast(ahead.survival_sum / survival.survival_rate as numeric(9, 2))
    end as expected_months_left
from survival
left join ahead
    on survival.plan_type = ahead.plan_type and survival.tenure_month = ahead.tenure_month
