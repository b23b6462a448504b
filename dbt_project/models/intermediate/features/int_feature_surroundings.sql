-- What surrounds a line at each feature date: its network, and what rivals ask in its region. Both are delivered by
-- region, so that they are worked out once for all lines of a region and plan.
with outages as (

    select
        dates.as_of_date,
        quality.region_id,
        case when quality.technology_code = 'broadband' then 'broadband' else 'mobile' end as service_line,
        -- A mobile line is taken to spend its time evenly on the mobile technologies of its region.
        sum(quality.outage_minutes) / 1440.0 / count(distinct quality.technology_code) as outage_days_30
    from {{ ref('int_feature_date') }} as dates
    inner join {{ ref('stg_network__quality_daily') }} as quality
        on quality.quality_date <= dates.as_of_date
            and quality.quality_date > {{ date_plus('dates.as_of_date', -30) }}
    group by
        dates.as_of_date,
        quality.region_id,
        case when quality.technology_code = 'broadband' then 'broadband' else 'mobile' end

),

-- One that is over before anyone scored can leave tempts no one; one announced for the days before is as good as begun.
open_campaigns as (

    select
        dates.as_of_date,
        campaign.rival_name,
        campaign.region_id,
        campaign.service_line,
        campaign.plan_type,
        campaign.discount_percent,
        campaign.start_date > dates.as_of_date as is_announced
    from {{ ref('int_feature_date') }} as dates
    inner join {{ ref('stg_market__rival_campaign') }} as campaign
        on campaign.effective_at < dates.as_of_end_at
            and campaign.start_date <= {{ date_plus('dates.as_of_date', var('label_gap_days')) }}
            and campaign.end_date > dates.as_of_date

),

campaigns as (

    select
        as_of_date,
        region_id,
        service_line,
        max(discount_percent) as rival_discount_percent
    from open_campaigns
    group by as_of_date, region_id, service_line

),

-- Price lists hold the discount of a campaign from its first day on.
announced as (

    select
        as_of_date,
        rival_name,
        region_id,
        service_line,
        plan_type,
        max(discount_percent) as discount_percent
    from open_campaigns
    where is_announced
    group by as_of_date, rival_name, region_id, service_line, plan_type

),

fees as (

    select
        dates.as_of_date,
        rival.region_id,
        rival.comparable_offer_id,
        rival.currency_code,
        min(rival.monthly_fee_amount * (1 - coalesce(announced.discount_percent, 0) / 100.0)) as lowest_rival_fee_amount
    from {{ ref('int_feature_date') }} as dates
    inner join {{ ref('int_rival_offer_history') }} as rival
        on {{ version_before('rival', 'dates.as_of_end_at') }}
    left join announced
        on dates.as_of_date = announced.as_of_date
            and rival.rival_name = announced.rival_name
            and rival.region_id = announced.region_id
            and rival.service_line = announced.service_line
            and rival.plan_type = announced.plan_type
    where rival.monthly_fee_amount > 0
    group by dates.as_of_date, rival.region_id, rival.comparable_offer_id, rival.currency_code

)

select
    subject.as_of_date,
    subject.subscription_id,
    outages.outage_days_30,
    coalesce(campaigns.rival_discount_percent, 0) as rival_discount_percent,
    -- What the line pays for its plan, as far as its last bill tells of a discount, over what a rival asks for it.
    case
        when offer.monthly_fee_amount + coalesce(billing.plan_discount_amount, 0) > 0
            then offer.monthly_fee_amount + coalesce(billing.plan_discount_amount, 0)
        else offer.monthly_fee_amount
    end / fees.lowest_rival_fee_amount as rival_fee_ratio
from {{ ref('int_feature_subject') }} as subject
left join {{ ref('dim_offer') }} as offer
    on subject.main_offer_id = offer.offer_id and {{ version_before('offer', 'subject.as_of_end_at') }}
left join {{ ref('int_feature_billing') }} as billing
    on subject.as_of_date = billing.as_of_date and subject.subscription_id = billing.subscription_id
left join outages
    on subject.as_of_date = outages.as_of_date
        and subject.region_id = outages.region_id
        and outages.service_line = case when subject.service_line = 'mobile' then 'mobile' else 'broadband' end
left join campaigns
    on subject.as_of_date = campaigns.as_of_date
        and subject.region_id = campaigns.region_id
        and subject.service_line = campaigns.service_line
left join fees
    on subject.as_of_date = fees.as_of_date
        and subject.region_id = fees.region_id
        and subject.main_offer_id = fees.comparable_offer_id
        and offer.currency_code = fees.currency_code
