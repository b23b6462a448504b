-- The latest scores of subscriptions at risk, with who they are, why, and what they are worth.
with latest as (

    select max(as_of_date) as as_of_date
    from {{ ref('churn_score') }}

),

at_risk as (

    select
        score.as_of_date,
        score.subscription_id,
        score.churn_probability,
        score.risk_band,
        score.model_run_id
    from {{ ref('churn_score') }} as score
    inner join latest
        on score.as_of_date = latest.as_of_date
    where score.risk_band in ('high', 'medium')

),

reasons as (

    select
        reason.as_of_date,
        reason.subscription_id,
        {{ dbt.listagg('reason.reason_text', "'; '", 'order by reason.reason_rank') }} as top_reasons
    from {{ ref('stg_scores__churn_reason') }} as reason
    inner join latest
        on reason.as_of_date = latest.as_of_date
    group by reason.as_of_date, reason.subscription_id

),

contracts as (

    select
        subscription_id,
        max(end_date) as contract_end_date
    from {{ ref('int_contract_history') }}
    where is_current
    group by subscription_id

)

select
    at_risk.as_of_date,
    at_risk.subscription_id,
    monthly.customer_id,
    monthly.account_id,
    monthly.closing_region_id as region_id,
    monthly.closing_brand_name as brand_name,
    monthly.closing_service_line as service_line,
    monthly.closing_plan_type as plan_type,
    monthly.closing_value_tier as value_tier,
    at_risk.churn_probability,
    at_risk.risk_band,
    reasons.top_reasons,
    round(monthly_value.mean_revenue_amount * 12, 2) as value_at_risk_amount,
    monthly.currency_code,
    monthly.tenure_days,
    contracts.contract_end_date,
    at_risk.model_run_id
from at_risk
inner join {{ ref('subscription_monthly') }} as monthly
    on at_risk.subscription_id = monthly.subscription_id
        and monthly.month = {{ month_of('at_risk.as_of_date') }}
inner join {{ ref('int_subscription_month_value') }} as monthly_value
    on monthly.month = monthly_value.month and monthly.subscription_id = monthly_value.subscription_id
left join reasons
    on at_risk.as_of_date = reasons.as_of_date and at_risk.subscription_id = reasons.subscription_id
left join contracts
    on at_risk.subscription_id = contracts.subscription_id
