-- Every exit of the last 12 months: to whom and why the customer left, what it was worth, and what was done since.
with exits as (

    select * from {{ ref('int_subscription_exit') }}

),

porting_out as (

    select
        exits.subscription_id,
        exits.stay_number,
        porting.rival_name,
        row_number() over (
            partition by exits.subscription_id, exits.stay_number
            order by porting.completed_at desc, porting.porting_id asc
        ) as choice
    from exits
    inner join {{ ref('stg_market__porting') }} as porting
        on exits.subscription_id = porting.subscription_id
    where
        exits.churn_type = 'voluntary'
        and porting.direction = 'out'
        and porting.status_code = 'completed'
        and {{ local_date('porting.completed_at') }} between {{ date_plus('exits.left_date', -7) }} and exits.left_date

),

reasons as (

    select
        subscription_id,
        stay_number,
        reason_code,
        taxonomy_version,
        evidence_date,
        evidence_text,
        count(*) over (partition by subscription_id, stay_number) as evidence_count,
        row_number() over (partition by subscription_id, stay_number order by priority, reason_code) as choice
    from {{ ref('int_exit_evidence') }}

),

worth as (

    select
        exits.subscription_id,
        exits.stay_number,
        monthly.closing_value_tier as value_tier,
        monthly.market_type,
        monthly.closing_brand_name as brand_name,
        monthly.closing_plan_type as plan_type,
        monthly.tenure_days,
        monthly.currency_code,
        -- The bill of the month of the exit is a part of one.
        coalesce(
            case when before.currency_code = monthly.currency_code then before.mean_revenue_amount end,
            monthly.mean_revenue_amount
        ) as lost_revenue_amount
    from exits
    inner join {{ ref('subscription_monthly') }} as monthly
        on exits.subscription_id = monthly.subscription_id and exits.left_month = monthly.month
    left join {{ ref('subscription_monthly') }} as before
        on exits.subscription_id = before.subscription_id
            and {{ date_plus('exits.left_month', -1, 'month') }} = before.month

),

contacts as (

    select
        exits.subscription_id,
        exits.stay_number,
        count(*) filter (where not contact.is_control) as win_back_contact_count,
        count(*) filter (where not contact.is_control and contact.delivery_code = 'delivered')
            as win_back_delivered_count,
        count(*) filter (where not contact.is_control and contact.response_code = 'accepted')
            as win_back_accepted_count,
        {{ dbt.bool_or('contact.is_control') }} as is_win_back_control,
        max(contact.contacted_at) as last_contacted_at
    from exits
    inner join {{ ref('stg_marketing__campaign_contact') }} as contact
        on exits.subscription_id = contact.subscription_id and exits.left_at <= contact.assigned_at
    inner join {{ ref('dim_campaign') }} as campaign
        on contact.campaign_id = campaign.campaign_id
    where campaign.objective_code = 'win_back' and contact.assigned_at < {{ as_of_end_at() }}
    group by exits.subscription_id, exits.stay_number

),

care as (

    select
        exits.subscription_id,
        exits.stay_number,
        count(distinct action.care_action_id) as care_action_count
    from exits
    inner join {{ ref('stg_marketing__care_action') }} as action
        on exits.customer_id = action.customer_id and exits.left_at <= action.done_at
    where action.done_at < {{ as_of_end_at() }}
    group by exits.subscription_id, exits.stay_number

),

returns as (

    select
        lifetime.predecessor_subscription_id as subscription_id,
        presence.subscription_id as won_back_subscription_id,
        presence.joined_at as returned_at,
        row_number() over (
            partition by lifetime.predecessor_subscription_id order by presence.joined_at, presence.subscription_id
        ) as choice
    from {{ ref('int_subscription_presence') }} as presence
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on presence.subscription_id = lifetime.subscription_id
    where presence.entry_type = 'win_back'

),

still_here as (

    select distinct customer_id
    from {{ ref('subscription_monthly') }}
    where is_open_month and is_closing

),

taxonomy as (

    select max(taxonomy_version) as taxonomy_version
    from {{ ref('lost_reason') }}

),

joined as (

    select
        exits.*,
        worth.value_tier,
        worth.market_type,
        worth.brand_name,
        worth.plan_type,
        worth.tenure_days,
        worth.currency_code,
        worth.lost_revenue_amount,
        coalesce(porting_out.rival_name, exits.other_operator) as rival_name,
        coalesce(reasons.reason_code, 'unknown') as inferred_reason_code,
        reasons.evidence_date,
        reasons.evidence_text,
        coalesce(reasons.evidence_count, 0) as evidence_count,
        taxonomy.taxonomy_version,
        coalesce(contacts.win_back_contact_count, 0) as win_back_contact_count,
        coalesce(contacts.win_back_delivered_count, 0) as win_back_delivered_count,
        coalesce(contacts.win_back_accepted_count, 0) as win_back_accepted_count,
        coalesce(contacts.is_win_back_control, false) as is_win_back_control,
        contacts.last_contacted_at,
        coalesce(care.care_action_count, 0) as care_action_count,
        returns.won_back_subscription_id,
        coalesce(again.joined_at, returns.returned_at) as returned_at,
        again.joined_at as reactivated_at,
        still_here.customer_id is not null as has_other_line
    from exits
    cross join taxonomy
    left join worth
        on exits.subscription_id = worth.subscription_id and exits.stay_number = worth.stay_number
    left join porting_out
        on exits.subscription_id = porting_out.subscription_id
            and exits.stay_number = porting_out.stay_number
            and porting_out.choice = 1
    left join reasons
        on exits.subscription_id = reasons.subscription_id
            and exits.stay_number = reasons.stay_number
            and reasons.choice = 1
    left join contacts
        on exits.subscription_id = contacts.subscription_id and exits.stay_number = contacts.stay_number
    left join care
        on exits.subscription_id = care.subscription_id and exits.stay_number = care.stay_number
    left join returns
        on exits.subscription_id = returns.subscription_id
            and exits.left_at <= returns.returned_at
            and returns.choice = 1
    left join {{ ref('int_subscription_presence') }} as again
        on exits.subscription_id = again.subscription_id and exits.stay_number + 1 = again.stay_number
    left join still_here
        on exits.customer_id = still_here.customer_id

)

select
    joined.subscription_id,
    joined.stay_number,
    joined.subscription_sk,
    joined.customer_id,
    joined.left_at,
    joined.left_date,
    joined.left_month,
    joined.churn_type,
    joined.region_id,
    joined.brand_name,
    joined.service_line,
    joined.plan_type,
    joined.value_tier,
    joined.market_type,
    joined.tenure_days,
    joined.rival_name,
    joined.reason_code as stated_reason_code,
    stated.reason_name as stated_reason_name,
    joined.inferred_reason_code,
    inferred.reason_name as inferred_reason_name,
    joined.taxonomy_version,
    joined.evidence_date,
    joined.evidence_text,
    cast(joined.evidence_count as bigint) as evidence_count,
    joined.currency_code,
    cast(joined.lost_revenue_amount as numeric(18, 2)) as lost_monthly_revenue_amount,
    cast(joined.lost_revenue_amount * 12 as numeric(18, 2)) as lost_yearly_revenue_amount,
    cast(joined.win_back_contact_count as bigint) as win_back_contact_count,
    cast(joined.win_back_delivered_count as bigint) as win_back_delivered_count,
    cast(joined.win_back_accepted_count as bigint) as win_back_accepted_count,
    joined.is_win_back_control,
    joined.last_contacted_at,
    cast(joined.care_action_count as bigint) as care_action_count,
    joined.has_other_line,
    joined.won_back_subscription_id,
    joined.returned_at,
    case
        when joined.reactivated_at is not null then 'reactivated'
        when joined.won_back_subscription_id is not null then 'won_back'
        when joined.win_back_contact_count = 0 then 'not_tried'
        else 'not_won_back'
    end as win_back_result
from joined
left join {{ ref('churn_reason') }} as stated
    on joined.reason_code = stated.reason_code
left join {{ ref('lost_reason') }} as inferred
    on joined.inferred_reason_code = inferred.reason_code and joined.taxonomy_version = inferred.taxonomy_version
