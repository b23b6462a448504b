-- Every subscription to be scored beside every campaign that was tried: whether it is of the kind it was tried on,
-- whether the customer allows the channel, what a contact would cost and what its outcome would be worth. Lost
-- customers are not on the network, so campaigns to win them back are left out.
with ranked_runs as (

    select
        effect.campaign_name,
        effect.campaign_id,
        effect.outcome_code,
        effect.value_basis,
        effect.outcome_value_amount,
        effect.horizon_months,
        effect.margin_rate,
        campaign.channel_code,
        campaign.offer_id,
        campaign.unit_cost_amount,
        campaign.currency_code,
        row_number() over (
            partition by effect.campaign_name order by effect.first_assigned_date desc, effect.campaign_id desc
        ) as recency
    from {{ ref('campaign_effect') }} as effect
    inner join {{ ref('dim_campaign') }} as campaign
        on effect.campaign_id = campaign.campaign_id
    where effect.outcome_code <> 'came_back'

),

campaigns as (

    select *
    from ranked_runs
    where recency = 1

),

-- The kinds of line that a campaign was tried on: what it does to others nobody knows.
tried as (

    select distinct
        campaign.campaign_name,
        version.service_line,
        version.plan_type
    from {{ ref('fct_campaign_contact') }} as contact
    inner join {{ ref('dim_campaign') }} as campaign
        on contact.campaign_id = campaign.campaign_id
    inner join {{ ref('dim_subscription') }} as version
        on contact.subscription_id = version.subscription_id
            and {{ version_before('version', 'contact.assigned_at') }}

),

held as (

    select distinct
        subscription_id,
        offer_id
    from {{ ref('int_subscribed_offer_history') }}
    where is_current and ended_at is null

),

subjects as (

    select
        subject.subscription_id,
        subject.as_of_date,
        subject.customer_id,
        subject.service_line,
        subject.plan_type,
        line_value.mean_revenue_amount,
        line_value.currency_code,
        consent.is_sms_allowed,
        consent.is_call_allowed,
        consent.is_app_allowed,
        consent.is_email_allowed,
        consent.is_any_allowed,
        contact.recent_contact_count
    from {{ ref('subscription_features') }} as subject
    left join {{ ref('int_subscription_month_value') }} as line_value
        on subject.subscription_id = line_value.subscription_id
            and {{ month_of('subject.as_of_date') }} = line_value.month
    left join {{ ref('int_marketing_consent') }} as consent
        on subject.customer_id = consent.customer_id
    left join {{ ref('int_last_campaign_contact') }} as contact
        on subject.subscription_id = contact.subscription_id
    -- Nothing is proposed for people who were erased.
    where subject.is_scoring and subject.subscription_id not like 'erased-%'

)

select
    subjects.as_of_date,
    subjects.subscription_id,
    subjects.customer_id,
    campaigns.campaign_name,
    campaigns.campaign_id,
    campaigns.outcome_code,
    campaigns.channel_code,
    campaigns.offer_id,
    tried.campaign_name is not null
    and not coalesce(campaigns.outcome_code = 'took_offer' and held.offer_id is not null, false) as is_eligible,
    coalesce(
        case campaigns.channel_code
            when 'sms' then subjects.is_sms_allowed
            when 'call' then subjects.is_call_allowed
            when 'app' then subjects.is_app_allowed
            when 'email' then subjects.is_email_allowed
            else subjects.is_any_allowed
        end,
        false
    ) as is_consented,
    cast(coalesce(subjects.recent_contact_count, 0) as integer) as recent_contact_count,
    cast(campaigns.unit_cost_amount as numeric(18, 4)) as contact_cost_amount,
    cast(
        case
            when campaigns.value_basis = 'line_revenue' and subjects.currency_code = campaigns.currency_code
                then subjects.mean_revenue_amount * campaigns.horizon_months * campaigns.margin_rate
            when campaigns.value_basis <> 'line_revenue' then campaigns.outcome_value_amount
        end as numeric(18, 2)
    ) as outcome_value_amount,
    campaigns.currency_code
from subjects
cross join campaigns
left join tried
    on campaigns.campaign_name = tried.campaign_name
        and subjects.service_line = tried.service_line
        and subjects.plan_type = tried.plan_type
left join held
    on subjects.subscription_id = held.subscription_id and campaigns.offer_id = held.offer_id
