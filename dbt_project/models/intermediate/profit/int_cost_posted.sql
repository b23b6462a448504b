-- Costs as booked, with the month they count in: the month they are for as long as that is open, later the earliest
-- month still open when they were booked and delivered.
with dated as (

    select
        *,
        greatest({{ local_date('booked_at') }}, _business_date) as known_date
    from {{ ref('stg_finance__cost') }}

)

select
    dated.cost_id,
    dated.cost_month,
    greatest(
        dated.cost_month, {{ earliest_open_month('dated.known_date') }}
    ) as posted_month,
    case dated.cost_type
        when 'care' then 'service'
        when 'marketing' then 'campaign'
        else dated.cost_type
    end as cost_kind,
    dated.region_id,
    dated.subscription_id,
    dated.campaign_id,
    case
        when dated.cost_type = 'marketing' then coalesce(purpose.purpose_name, 'acquisition')
        else ''
    end as purpose_name,
    dated.amount,
    dated.currency_code
from dated
left join {{ ref('dim_campaign') }} as campaign
    on dated.campaign_id = campaign.campaign_id
left join {{ ref('campaign_purpose') }} as purpose
    on campaign.objective_code = purpose.objective_code
