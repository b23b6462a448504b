with period as (
    select
        month,
        (month + interval '1 month')::date - 1 as last_date,
        month::timestamp at time zone 'Asia/Shanghai' as start_at,
        (month + interval '1 month')::timestamp at time zone 'Asia/Shanghai' as end_at
    from (
        select (date_trunc('month', as_of_date) - interval '1 month')::date as month
        from marts.publication
        where is_current
    ) as last
),

market as (
    select
        share.region_id,
        share.operator_name,
        share.subscription_count,
        sum(share.subscription_count) over (partition by share.region_id) as market_line_count
    from staging.stg_market__market_share as share
    inner join period using (month)
    where share.service_line = 'mobile'
),

ports as (
    select
        porting.region_id,
        porting.rival_name,
        count(*) filter (where porting.status_code = 'completed' and porting.direction = 'in') as port_in_count,
        count(*) filter (where porting.status_code = 'completed' and porting.direction = 'out') as port_out_count
    from staging.stg_market__porting as porting
    inner join period on porting.completed_at >= period.start_at and porting.completed_at < period.end_at
    left join marts.dim_subscription as version
        on porting.subscription_id = version.subscription_id
            and (version.valid_from_at < porting.completed_at or version.version_number = 1)
            and version.valid_to_at >= porting.completed_at
    where coalesce(version.service_line, 'mobile') = 'mobile'
    group by porting.region_id, porting.rival_name
),

offers as (
    select distinct on (state.rival_offer_id) state.*
    from staging.stg_market__rival_offer as state
    inner join period on state.effective_at < period.end_at
    order by state.rival_offer_id, state.effective_at desc
),

own as (
    select offer.offer_id, offer.currency_code, offer.monthly_fee_amount
    from marts.dim_offer as offer
    inner join period
        on (offer.valid_from_at < period.end_at or offer.version_number = 1) and offer.valid_to_at >= period.end_at
    where offer.offer_type = 'main'
),

-- Fees are compared in the currency that most offers of the rival are in.
compared as (
    select distinct on (offers.region_id, offers.rival_name)
        offers.region_id,
        offers.rival_name,
        count(*) filter (where offers.monthly_fee_amount < own.monthly_fee_amount) as cheaper_offer_count
    from offers
    left join own on offers.comparable_offer_id = own.offer_id and offers.currency_code = own.currency_code
    where offers.service_line = 'mobile'
    group by offers.region_id, offers.rival_name, offers.currency_code
    order by offers.region_id, offers.rival_name, count(*) desc, offers.currency_code
),

campaigns as (
    select distinct on (state.rival_campaign_id) state.*
    from staging.stg_market__rival_campaign as state
    where state.effective_at < (
        select (as_of_date + 1)::timestamp at time zone 'Asia/Shanghai' from marts.publication where is_current
    )
    order by state.rival_campaign_id, state.effective_at desc
),

places as (
    select region_id, operator_name as rival_name from market where operator_name <> 'Tenure Telecom'
    union
    select region_id, rival_name from ports
    union
    select region_id, rival_name from compared
    union
    select campaigns.region_id, campaigns.rival_name
    from campaigns
    inner join period
        on campaigns.start_date <= period.last_date
            and (campaigns.end_date is null or campaigns.end_date >= period.month)
    where campaigns.service_line = 'mobile'
)

select
    places.rival_name,
    sum(rival.subscription_count) as rival_lines,
    round(sum(rival.subscription_count) / nullif(sum(region.market_line_count), 0), 4) as rival_share,
    coalesce(sum(ports.port_in_count), 0) as ports_in,
    coalesce(sum(ports.port_out_count), 0) as ports_out,
    coalesce(sum(compared.cheaper_offer_count), 0) as cheaper_offers
from places
left join market as rival on places.region_id = rival.region_id and places.rival_name = rival.operator_name
left join (select distinct region_id, market_line_count from market) as region on places.region_id = region.region_id
left join ports on places.region_id = ports.region_id and places.rival_name = ports.rival_name
left join compared on places.region_id = compared.region_id and places.rival_name = compared.rival_name
group by places.rival_name
order by rival_lines desc nulls last, places.rival_name
