-- What is to be done in each stage, beside what the stage came to in each month. A contact belongs to the stage of the
-- month end before it: the stage after it may be its result. Who was in none has either joined since or aged out.
with results as (

    select
        month,
        lifecycle_stage_code,
        currency_code,
        is_month_closed,
        is_open_month,
        {{ sum_whole('closing_count') }} as closing_count,
        {{ sum_whole('opening_count') }} as opening_count,
        {{ sum_whole('opening_churn_count') }} as opening_churn_count,
        sum(service_revenue_amount) as service_revenue_amount
    from {{ ref('lifecycle_stage_monthly') }}
    group by month, lifecycle_stage_code, currency_code, is_month_closed, is_open_month

),

contacts as (

    select
        {{ month_of('contact.assigned_date') }} as month,
        coalesce(stage.lifecycle_stage_code, 'A') as lifecycle_stage_code,
        coalesce(stage.currency_code, contact.currency_code) as currency_code,
        count(distinct contact.campaign_id) as campaign_count,
        count(contact.contacted_at) as contacted_count,
        count(*) filter (where contact.response_code = 'accepted') as accepted_count,
        sum(contact.cost_amount) filter (
            where contact.currency_code = coalesce(stage.currency_code, contact.currency_code)
        ) as campaign_cost_amount
    from {{ ref('stg_marketing__campaign_contact') }} as contact
    inner join {{ ref('int_month') }} as months
        on {{ month_of('contact.assigned_date') }} = months.month
    left join {{ ref('int_subscription_stage_monthly') }} as stage
        on contact.subscription_id = stage.subscription_id
            and months.month = {{ date_plus('stage.month', 1, 'month') }}
    left join {{ ref('int_subscription_lifetime') }} as lifetime
        on contact.subscription_id = lifetime.subscription_id
    where not contact.is_control
        and (stage.lifecycle_stage_code is not null or lifetime.activated_at >= months.start_at)
        and contact.assigned_at < {{ as_of_end_at() }}
        and months.month > (select min(first.month) from {{ ref('int_month') }} as first)
    group by
        {{ month_of('contact.assigned_date') }},
        coalesce(stage.lifecycle_stage_code, 'A'),
        coalesce(stage.currency_code, contact.currency_code)

)

select
    results.month,
    results.lifecycle_stage_code,
    results.currency_code,
    results.is_month_closed,
    results.is_open_month,
    stage.stage_name,
    playbook.segment,
    playbook.offer_and_price,
    playbook.channel,
    playbook.advertising,
    playbook.loyalty_action,
    results.closing_count,
    results.opening_count,
    results.opening_churn_count,
    results.service_revenue_amount,
    coalesce(contacts.campaign_count, 0) as campaign_count,
    coalesce(contacts.contacted_count, 0) as contacted_count,
    coalesce(contacts.accepted_count, 0) as accepted_count,
    coalesce(contacts.campaign_cost_amount, 0) as campaign_cost_amount
from results
inner join {{ ref('lifecycle_playbook_text') }} as playbook
    on results.lifecycle_stage_code = playbook.lifecycle_stage_code
inner join {{ ref('lifecycle_stage') }} as stage
    on results.lifecycle_stage_code = stage.lifecycle_stage_code
left join contacts
    on results.month = contacts.month
        and results.lifecycle_stage_code = contacts.lifecycle_stage_code
        and results.currency_code = contacts.currency_code
