-- Whom to care for today, and why: lines of core tiers with a reason, first those worth most and longest waiting.
with today as (

    select as_of_date
    from {{ ref('int_as_of_date') }}

),

actions as (

    select
        care.*,
        row_number() over (
            partition by care.subscription_id order by care.planned_at desc, care.care_action_id desc
        ) as recency
    from {{ ref('fct_care_action') }} as care

),

logged as (

    select
        actions.subscription_id,
        max(actions.staff_id) filter (where actions.recency = 1) as manager_staff_id,
        max(actions.ended_at) as last_action_at,
        count(*) filter (where actions.is_done and actions.action_type like '%visit') as visit_count,
        count(*) filter (where actions.is_done and actions.action_type like '%call') as call_count,
        count(*) filter (where actions.is_done) as done_count
    from actions
    group by actions.subscription_id

),

outcomes as (

    select
        subscription_id,
        action_type,
        outcome_code,
        row_number() over (partition by subscription_id order by ended_at desc, care_action_id desc) as recency
    from {{ ref('fct_care_action') }}
    where ended_at is not null

),

contacts as (

    select
        subscription_id,
        max(started_at) as last_contact_at
    from {{ ref('fct_interaction') }}
    where is_answered
    group by subscription_id

)

select
    today.as_of_date,
    reason.subscription_id,
    reason.reason_code,
    reason.reason_date,
    reason.evidence,
    reason.evidence_zh,
    cast(count(*) over (partition by reason.subscription_id) as integer) as reason_count,
    monthly.customer_id,
    monthly.account_id,
    {{ slice_list('monthly', 'closing_', rename=true) }},
    monthly.currency_code,
    monthly.service_revenue_amount,
    logged.manager_staff_id,
    contacts.last_contact_at,
    logged.last_action_at,
    outcomes.action_type as last_action_type,
    outcomes.outcome_code as last_outcome_code,
    cast(coalesce(logged.visit_count, 0) as integer) as visit_count,
    cast(coalesce(logged.call_count, 0) as integer) as call_count,
    cast(coalesce(logged.done_count, 0) as integer) as done_count
from {{ ref('int_care_reason') }} as reason
cross join today
inner join {{ ref('subscription_monthly') }} as monthly
    on reason.subscription_id = monthly.subscription_id and monthly.month = {{ month_of('today.as_of_date') }}
left join logged
    on reason.subscription_id = logged.subscription_id
left join outcomes
    on reason.subscription_id = outcomes.subscription_id and outcomes.recency = 1
left join contacts
    on reason.subscription_id = contacts.subscription_id
where monthly.is_closing and monthly.closing_value_tier <> 'standard'
