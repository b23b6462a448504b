-- The lines at risk at the as-of date: those that the model puts in the bands high and medium, and those whose signals
-- alone would put a line into stage D, whatever their stage is. The score stands beside the signals: a line may be here
-- for either. With who they are, why, what they are worth, what was done last, and what the customer allows.
{%- set channels = ['sms', 'call', 'app', 'email'] %}
with as_of as (

    select
        as_of_date,
        as_of_end_at,
        {{ month_of('as_of_date') }} as month
    from {{ ref('int_as_of_date') }}

),

latest as (

    select max(as_of_date) as as_of_date
    from {{ ref('churn_score') }}

),

scores as (

    select
        score.as_of_date as scored_date,
        score.subscription_id,
        score.churn_probability,
        score.risk_band,
        score.model_run_id
    from {{ ref('churn_score') }} as score
    inner join latest
        on score.as_of_date = latest.as_of_date

),

at_risk as (

    select
        as_of.as_of_date,
        as_of.as_of_end_at,
        stage.month,
        stage.subscription_id,
        stage.lifecycle_stage_code,
        stage.signal_count,
        stage.high_signal_count,
        stage.medium_signal_count,
        scores.scored_date,
        scores.churn_probability,
        coalesce(scores.risk_band, 'not_scored') as risk_band,
        scores.model_run_id
    from as_of
    inner join {{ ref('int_subscription_stage_monthly') }} as stage
        on as_of.month = stage.month and stage.left_at is null
    cross join {{ ref('int_stage_threshold') }} as rule
    left join scores
        on stage.subscription_id = scores.subscription_id
    where
        -- Nothing is said about people who were erased.
        stage.subscription_id not like 'erased-%'
        and (
            scores.risk_band in ('high', 'medium')
            or stage.high_signal_count >= rule.decline_high_signal_count
            or stage.medium_signal_count >= rule.decline_medium_signal_count
        )

),

reasons as (

    select
        reason.subscription_id,
        {{ dbt.listagg('reason.reason_text', "'; '", 'order by reason.reason_rank') }} as top_reasons,
        {{ dbt.listagg('reason.reason_text_zh', "'；'", 'order by reason.reason_rank') }} as top_reasons_zh
    from {{ ref('stg_scores__churn_reason') }} as reason
    inner join latest
        on reason.as_of_date = latest.as_of_date
    group by reason.subscription_id

),

ranked_signals as (

    select
        seen.subscription_id,
        seen.signal_code,
        seen.evidence,
        rule.signal_name_zh || '（' || cast(seen.first_seen_date as {{ dbt.type_string() }}) || '起）' as evidence_zh,
        seen.first_seen_date,
        case seen.severity when 'high' then 1 when 'medium' then 2 else 3 end as severity_rank
    from {{ ref('fct_churn_signal') }} as seen
    inner join {{ ref('churn_signal') }} as rule
        on seen.signal_code = rule.signal_code
    where seen.is_current

),

signals as (

    select
        subscription_id,
        {{ dbt.listagg('evidence', "'; '", 'order by severity_rank, first_seen_date, signal_code') }}
            as signal_evidence,
        {{ dbt.listagg('evidence_zh', "'；'", 'order by severity_rank, first_seen_date, signal_code') }}
            as signal_evidence_zh,
        min(first_seen_date) as first_signal_date
    from ranked_signals
    group by subscription_id

),

contracts as (

    select
        subscription_id,
        max(end_date) as contract_end_date
    from {{ ref('int_contract_history') }}
    where is_current
    group by subscription_id

),

care_states as (

    select
        care.subscription_id,
        care.staff_id,
        care.action_type,
        care.planned_date,
        care.done_at,
        care.outcome_code,
        row_number() over (partition by care.care_action_id order by care.effective_at desc) as state_recency,
        care.care_action_id
    from {{ ref('stg_marketing__care_action') }} as care
    inner join as_of
        on care.effective_at < as_of.as_of_end_at

),

ranked_care as (

    select
        *,
        row_number() over (
            partition by subscription_id order by planned_date desc, care_action_id desc
        ) as recency,
        row_number() over (
            partition by subscription_id, case when outcome_code is null then 0 else 1 end
            order by planned_date desc, care_action_id desc
        ) as outcome_recency
    from care_states
    where state_recency = 1

),

care as (

    select
        subscription_id,
        max(case when recency = 1 then staff_id end) as manager_staff_id,
        max(case when outcome_code is not null and outcome_recency = 1 then action_type end) as last_care_action_type,
        max(
            case
                when outcome_code is not null and outcome_recency = 1
                    then coalesce({{ local_date('done_at') }}, planned_date)
            end
        ) as last_care_date,
        max(case when outcome_code is not null and outcome_recency = 1 then outcome_code end) as last_care_outcome_code
    from ranked_care
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
    reasons.top_reasons_zh,
    round(monthly_value.mean_revenue_amount * 12, 2) as value_at_risk_amount,
    monthly.currency_code,
    monthly.tenure_days,
    contracts.contract_end_date,
    at_risk.model_run_id,
    at_risk.lifecycle_stage_code,
    at_risk.scored_date,
    signals.signal_evidence,
    signals.signal_evidence_zh,
    signals.first_signal_date,
    cast(at_risk.signal_count as integer) as signal_count,
    cast(at_risk.high_signal_count as integer) as high_signal_count,
    cast(at_risk.medium_signal_count as integer) as medium_signal_count,
    care.manager_staff_id,
    care.last_care_action_type,
    care.last_care_date,
    care.last_care_outcome_code,
    contacts.last_campaign_id,
    contacts.last_campaign_date,
    contacts.last_campaign_response_code,
    cast(coalesce(contacts.recent_contact_count, 0) as integer) as recent_contact_count,
    {%- for channel in channels %}
        consents.is_{{ channel }}_allowed,
    {%- endfor %}
    cast(lifetime.value_amount as numeric(18, 2)) as lifetime_value_amount,
    cast(lifetime.expected_months as numeric(9, 2)) as expected_months_left,
    cast(lifetime.contact_gain_amount as numeric(18, 2)) as contact_gain_amount,
    offers.campaign_name as recommended_campaign_name,
    offers.reason_text as recommended_offer_reason,
    offers.reason_text_zh as recommended_offer_reason_zh,
    offers.increment_amount as recommended_increment_amount
from at_risk
inner join {{ ref('subscription_monthly') }} as monthly
    on at_risk.subscription_id = monthly.subscription_id and at_risk.month = monthly.month
inner join {{ ref('int_subscription_month_value') }} as monthly_value
    on monthly.month = monthly_value.month and monthly.subscription_id = monthly_value.subscription_id
left join reasons
    on at_risk.subscription_id = reasons.subscription_id
left join signals
    on at_risk.subscription_id = signals.subscription_id
left join contracts
    on at_risk.subscription_id = contracts.subscription_id
left join care
    on at_risk.subscription_id = care.subscription_id
left join {{ ref('int_last_campaign_contact') }} as contacts
    on at_risk.subscription_id = contacts.subscription_id
left join {{ ref('int_marketing_consent') }} as consents
    on monthly.customer_id = consents.customer_id
left join {{ ref('stg_scores__subscription_lifetime_value') }} as lifetime
    on at_risk.subscription_id = lifetime.subscription_id and at_risk.scored_date = lifetime.as_of_date
left join {{ ref('offer_response') }} as offers
    on at_risk.subscription_id = offers.subscription_id
        and at_risk.scored_date = offers.as_of_date
        and offers.outcome_code = 'stayed'
        and offers.is_chosen
