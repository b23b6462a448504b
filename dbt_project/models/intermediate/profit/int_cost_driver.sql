{{ config(pre_hook=large_memory()) }}

-- What each subscription caused in a month, at the unit cost in force: of a contact when it began, of lines and usage
-- at the end of the month, of campaigns what the contact itself cost. Region is that of the line then. What belongs to
-- no subscription stands under `unallocated`.
with counted as (

    select
        {{ month_of(local_date('interaction.started_at')) }} as month,
        'service' as cost_kind,
        'contact' as driver_name,
        interaction.channel_code as member_code,
        coalesce(version.region_id, 'unknown') as region_id,
        coalesce(version.subscription_id, 'unallocated') as subscription_id,
        interaction.started_at as priced_at,
        cast(1 as numeric) as quantity
    from {{ ref('stg_care__interaction') }} as interaction
    left join {{ ref('dim_subscription') }} as version
        on interaction.subscription_id = version.subscription_id
            and {{ version_at('version', 'interaction.started_at') }}
    where interaction.started_at < {{ as_of_end_at() }}

    union all

    select
        movement.month,
        'network' as cost_kind,
        'line_month' as driver_name,
        version.service_line as member_code,
        version.region_id,
        movement.subscription_id,
        movement.closing_at - interval '1 microsecond' as priced_at,
        cast(1 as numeric) as quantity
    from {{ ref('int_subscription_month') }} as movement
    inner join {{ ref('dim_subscription') }} as version
        on movement.closing_subscription_sk = version.subscription_sk
    where movement.is_closing

    union all

    select
        monthly.month,
        case when monthly.service_type = 'data' then 'network' else 'interconnect' end as cost_kind,
        case when monthly.service_type = 'data' then 'data_bytes' else 'off_net_seconds' end as driver_name,
        monthly.service_type as member_code,
        coalesce(version.region_id, 'unknown') as region_id,
        coalesce(version.subscription_id, 'unallocated') as subscription_id,
        months.end_at - interval '1 microsecond' as priced_at,
        cast(
            case when monthly.service_type = 'data' then monthly.volume_bytes else monthly.duration_seconds end
            as numeric
        ) as quantity
    from {{ ref('int_usage_monthly') }} as monthly
    inner join {{ ref('int_month') }} as months
        on monthly.month = months.month
    left join {{ ref('dim_subscription') }} as version
        on monthly.subscription_sk = version.subscription_sk
    where monthly.service_type = 'data'
        or (
            monthly.service_type = 'voice' and monthly.direction = 'outgoing' and monthly.network_type = 'off_net'
        )

),

summed as (

    select
        month,
        cost_kind,
        driver_name,
        member_code,
        region_id,
        subscription_id,
        priced_at,
        sum(quantity) as quantity
    from counted
    group by month, cost_kind, driver_name, member_code, region_id, subscription_id, priced_at

),

priced as (

    select
        summed.month,
        summed.cost_kind,
        '' as campaign_id,
        '' as purpose_name,
        summed.region_id,
        summed.subscription_id,
        unit.currency_code,
        round(summed.quantity * unit.amount / rule.quantity_per_unit, 6) as unit_cost_amount
    from summed
    inner join {{ ref('unit_cost_rule') }} as rule
        on summed.cost_kind = rule.cost_kind
            and summed.driver_name = rule.driver_name
            and summed.member_code = rule.member_code
    inner join {{ ref('int_unit_cost') }} as unit
        on rule.unit_cost_code = unit.unit_cost_code
            and {{ version_at('unit', 'summed.priced_at') }}

    union all

    select
        {{ month_of('contact.assigned_date') }} as month,
        'campaign' as cost_kind,
        contact.campaign_id,
        coalesce(purpose.purpose_name, 'acquisition') as purpose_name,
        coalesce(version.region_id, 'unknown') as region_id,
        coalesce(version.subscription_id, 'unallocated') as subscription_id,
        contact.currency_code,
        cast(contact.cost_amount as numeric) as unit_cost_amount
    from {{ ref('stg_marketing__campaign_contact') }} as contact
    left join {{ ref('dim_subscription') }} as version
        on contact.subscription_id = version.subscription_id
            and {{ version_at('version', 'contact.assigned_at') }}
    left join {{ ref('dim_campaign') }} as campaign
        on contact.campaign_id = campaign.campaign_id
    left join {{ ref('campaign_purpose') }} as purpose
        on campaign.objective_code = purpose.objective_code
    where contact.cost_amount is not null and contact.assigned_at < {{ as_of_end_at() }}

)

select
    month,
    cost_kind,
    campaign_id,
    purpose_name,
    region_id,
    subscription_id,
    currency_code,
    sum(unit_cost_amount) as unit_cost_amount
from priced
group by month, cost_kind, campaign_id, purpose_name, region_id, subscription_id, currency_code
having sum(unit_cost_amount) <> 0
