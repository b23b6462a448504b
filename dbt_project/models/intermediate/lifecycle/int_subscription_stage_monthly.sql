{{ config(pre_hook=large_memory()) }}

-- The stage of each line by month with the stage before, how long it has lasted, and the slice: at the end of the
-- month, or as the line left. Lines in E stand here for as long as they are in the lost-customer base.
with compared as (

    select
        stage.*,
        previous.lifecycle_stage_code as previous_stage_code
    from {{ ref('int_subscription_stage') }} as stage
    left join {{ ref('int_subscription_stage') }} as previous
        on stage.subscription_id = previous.subscription_id
            and stage.month = {{ date_plus('previous.month', 1, 'month') }}

),

spells as (

    select
        *,
        sum(case when previous_stage_code = lifecycle_stage_code then 0 else 1 end) over (
            partition by subscription_id order by month rows unbounded preceding
        ) as spell_number
    from compared

),

timed as (

    select
        *,
        cast(
            row_number() over (partition by subscription_id, spell_number order by month) as integer
        ) as stage_month_count
    from spells

)

select
    timed.month,
    timed.subscription_id,
    timed.lifecycle_stage_code,
    timed.rule_code,
    timed.previous_stage_code,
    timed.stage_month_count,
    timed.left_at,
    version.customer_id,
    version.region_id,
    version.brand_name,
    version.service_line,
    version.plan_type,
    coalesce(monthly_value.value_tier, 'standard') as value_tier,
    monthly_value.currency_code,
    timed.signal_count,
    timed.high_signal_count,
    timed.medium_signal_count,
    timed.low_signal_count,
    timed.scored_date,
    timed.churn_probability
from timed
inner join {{ ref('int_month') }} as months
    on timed.month = months.month
inner join {{ ref('dim_subscription') }} as version
    on timed.subscription_id = version.subscription_id
        and {{ version_before('version', 'coalesce(timed.left_at, months.end_at)') }}
left join {{ ref('int_subscription_month_value') }} as monthly_value
    on timed.subscription_id = monthly_value.subscription_id
        and monthly_value.month = least(
            timed.month, coalesce({{ month_of(local_date('timed.left_at')) }}, timed.month)
        )
