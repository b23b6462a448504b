-- What a campaign was for, and whether it came about within the window after the assignment, for treated and control
-- alike and from what the subscription did: the answer given to a caller is no outcome.
with assigned as (

    select
        contact.campaign_contact_id,
        contact.subscription_id,
        contact.assigned_at,
        campaign.offer_id,
        case
            when campaign.objective_code in ('retention', 'loyalty') then 'stayed'
            when campaign.objective_code = 'win_back' then 'came_back'
            when campaign.offer_id is null then 'moved_up'
            else 'took_offer'
        end as outcome_code,
        {{ date_plus('contact.assigned_date', var('campaign_window_days')) }} as window_end_date,
        {{ local_midnight(date_plus('contact.assigned_date', var('campaign_window_days') + 1)) }} as window_end_at
    from {{ ref('stg_marketing__campaign_contact') }} as contact
    inner join {{ ref('dim_campaign') }} as campaign
        on contact.campaign_id = campaign.campaign_id
    where contact.assigned_at < {{ as_of_end_at() }}

),

departures as (

    select distinct assigned.campaign_contact_id
    from assigned
    inner join {{ ref('int_subscription_presence') }} as presence
        on assigned.subscription_id = presence.subscription_id
            and presence.left_at >= assigned.assigned_at
            and presence.left_at < assigned.window_end_at

),

purchases as (

    select distinct assigned.campaign_contact_id
    from assigned
    inner join {{ ref('int_subscribed_offer_history') }} as holding
        on assigned.subscription_id = holding.subscription_id
            and assigned.offer_id = holding.offer_id
            and holding.started_at >= assigned.assigned_at
            and holding.started_at < assigned.window_end_at

),

moves_up as (

    select
        assigned.campaign_contact_id,
        max(taken.monthly_fee_amount - held.monthly_fee_amount) as fee_step_amount
    from assigned
    inner join {{ ref('dim_subscription') }} as version
        on assigned.subscription_id = version.subscription_id
            and {{ version_before('version', 'assigned.assigned_at') }}
    inner join {{ ref('dim_offer') }} as held
        on version.main_offer_id = held.offer_id and {{ version_before('held', 'assigned.assigned_at') }}
    inner join {{ ref('int_subscribed_offer_history') }} as holding
        on assigned.subscription_id = holding.subscription_id
            and holding.started_at >= assigned.assigned_at
            and holding.started_at < assigned.window_end_at
    inner join {{ ref('dim_offer') }} as taken
        on holding.offer_id = taken.offer_id
            and {{ version_at('taken', 'holding.started_at') }}
            and taken.offer_type = 'main'
            and taken.currency_code = held.currency_code
            and taken.monthly_fee_amount > held.monthly_fee_amount
    group by assigned.campaign_contact_id

),

returns as (

    select
        assigned.campaign_contact_id,
        min(successor.subscription_id) as successor_subscription_id
    from assigned
    inner join {{ ref('int_subscription_lifetime') }} as successor
        on assigned.subscription_id = successor.predecessor_subscription_id
            and successor.activated_at >= assigned.assigned_at
            and successor.activated_at < assigned.window_end_at
    group by assigned.campaign_contact_id

)

select
    assigned.campaign_contact_id,
    assigned.outcome_code,
    assigned.window_end_date,
    assigned.window_end_at <= {{ as_of_end_at() }} as is_window_complete,
    case assigned.outcome_code
        when 'stayed' then departures.campaign_contact_id is null
        when 'took_offer' then purchases.campaign_contact_id is not null
        when 'moved_up' then moves_up.campaign_contact_id is not null
        else returns.campaign_contact_id is not null
    end as has_outcome,
    -- What a move up brings in a month, and the line that bills after a return: what an outcome is worth needs them.
    case when assigned.outcome_code = 'moved_up' then moves_up.fee_step_amount end as fee_step_amount,
    case when assigned.outcome_code = 'came_back' then returns.successor_subscription_id end
        as successor_subscription_id
from assigned
left join departures
    on assigned.campaign_contact_id = departures.campaign_contact_id
left join purchases
    on assigned.campaign_contact_id = purchases.campaign_contact_id
left join moves_up
    on assigned.campaign_contact_id = moves_up.campaign_contact_id
left join returns
    on assigned.campaign_contact_id = returns.campaign_contact_id
