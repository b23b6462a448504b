with months as (

    select
        month,
        last_date,
        end_at,
        is_month_closed,
        is_open_month
    from {{ ref('int_month') }}

),

shares as (

    select
        month,
        region_id,
        service_line,
        operator_name,
        subscription_count,
        operator_name = '{{ var("own_operator_name") }}' as is_own,
        sum(subscription_count) over (partition by month, region_id, service_line) as market_line_count
    from {{ ref('stg_market__market_share') }}

),

market as (

    select
        month,
        region_id,
        service_line,
        {{ sum_whole('case when is_own then subscription_count end') }} as own_line_count,
        cast(max(market_line_count) as bigint) as market_line_count
    from shares
    group by month, region_id, service_line

),

-- A number carried over belongs to a mobile line where the line itself is not delivered.
ports as (

    select
        {{ month_of(local_date('porting.completed_at')) }} as month,
        porting.region_id,
        coalesce(version.service_line, 'mobile') as service_line,
        porting.rival_name,
        count(case when porting.status_code = 'completed' and porting.direction = 'in' then 1 end) as port_in_count,
        count(case when porting.status_code = 'completed' and porting.direction = 'out' then 1 end) as port_out_count,
        count(case when porting.status_code = 'rejected' and porting.direction = 'out' then 1 end)
            as port_out_rejected_count
    from {{ ref('stg_market__porting') }} as porting
    left join {{ ref('dim_subscription') }} as version
        on porting.subscription_id = version.subscription_id
            and {{ version_before('version', 'porting.completed_at') }}
    where porting.completed_at < {{ as_of_end_at() }}
    group by
        {{ month_of(local_date('porting.completed_at')) }},
        porting.region_id,
        coalesce(version.service_line, 'mobile'),
        porting.rival_name

),

own_offers as (

    select
        months.month,
        offer.offer_id,
        offer.service_line,
        offer.currency_code,
        offer.monthly_fee_amount
    from months
    inner join {{ ref('dim_offer') }} as offer
        on offer.offer_type = 'main' and {{ version_before('offer', 'months.end_at') }}

),

own_lowest as (

    select
        month,
        service_line,
        currency_code,
        min(monthly_fee_amount) as lowest_fee_amount
    from own_offers
    group by month, service_line, currency_code

),

rival_offers as (

    select
        months.month,
        offer.region_id,
        offer.service_line,
        offer.rival_name,
        offer.currency_code,
        offer.monthly_fee_amount,
        own_offers.monthly_fee_amount as own_fee_amount
    from months
    inner join {{ ref('int_rival_offer_history') }} as offer
        on offer.valid_from_at < months.end_at and {{ version_before('offer', 'months.end_at') }}
    left join own_offers
        on months.month = own_offers.month
            and offer.comparable_offer_id = own_offers.offer_id
            and offer.currency_code = own_offers.currency_code

),

-- Fees in several currencies cannot stand in one row: those in the one with most offers do, the others are counted.
offers_by_currency as (

    select
        month,
        region_id,
        service_line,
        rival_name,
        currency_code,
        count(*) as offer_count,
        sum(count(*)) over (partition by month, region_id, service_line, rival_name) as all_offer_count,
        min(monthly_fee_amount) as lowest_fee_amount,
        count(own_fee_amount) as compared_offer_count,
        count(case when monthly_fee_amount < own_fee_amount then 1 end) as cheaper_offer_count,
        sum(case when own_fee_amount is not null then monthly_fee_amount end) as compared_fee_amount,
        sum(own_fee_amount) as own_fee_amount,
        row_number() over (
            partition by month, region_id, service_line, rival_name order by count(*) desc, currency_code
        ) as choice
    from rival_offers
    group by month, region_id, service_line, rival_name, currency_code

),

campaign_states as (

    select
        *,
        row_number() over (partition by rival_campaign_id order by effective_at desc) as recency
    from {{ ref('stg_market__rival_campaign') }}
    where effective_at < {{ as_of_end_at() }}

),

campaigns as (

    select
        months.month,
        campaign.region_id,
        campaign.service_line,
        campaign.rival_name,
        count(*) as campaign_count,
        max(campaign.discount_percent) as discount_percent
    from months
    inner join campaign_states as campaign
        on campaign.recency = 1
            and campaign.start_date <= months.last_date
            and (campaign.end_date is null or campaign.end_date >= months.month)
    group by months.month, campaign.region_id, campaign.service_line, campaign.rival_name

),

places as (

    select
        month,
        region_id,
        service_line,
        operator_name as rival_name
    from shares
    where not is_own

    union -- noqa: AM01

    select
        month,
        region_id,
        service_line,
        rival_name
    from ports

    union -- noqa: AM01

    select
        month,
        region_id,
        service_line,
        rival_name
    from offers_by_currency

    union -- noqa: AM01

    select
        month,
        region_id,
        service_line,
        rival_name
    from campaigns

)

select
    places.month,
    places.region_id,
    places.service_line,
    places.rival_name,
    months.is_month_closed,
    months.is_open_month,
    cast(shares.subscription_count as bigint) as rival_line_count,
    market.own_line_count,
    market.market_line_count,
    cast(cast(shares.subscription_count as numeric) / nullif(market.market_line_count, 0) as numeric(9, 6))
        as rival_share_rate,
    cast(cast(market.own_line_count as numeric) / nullif(market.market_line_count, 0) as numeric(9, 6))
        as own_share_rate,
    coalesce(ports.port_in_count, 0) as port_in_count,
    coalesce(ports.port_out_count, 0) as port_out_count,
    coalesce(ports.port_out_rejected_count, 0) as port_out_rejected_count,
    cast(cast(ports.port_in_count as numeric) / nullif(ports.port_out_count, 0) as numeric(18, 6))
        as port_in_out_ratio,
    coalesce(offers.offer_count, 0) as offer_count,
    cast(coalesce(offers.all_offer_count - offers.offer_count, 0) as bigint) as other_currency_offer_count,
    cast(offers.lowest_fee_amount as numeric(18, 2)) as rival_lowest_fee_amount,
    cast(own_lowest.lowest_fee_amount as numeric(18, 2)) as own_lowest_fee_amount,
    coalesce(offers.compared_offer_count, 0) as compared_offer_count,
    coalesce(offers.cheaper_offer_count, 0) as cheaper_offer_count,
    cast((offers.compared_fee_amount - offers.own_fee_amount) / nullif(offers.own_fee_amount, 0) as numeric(9, 6))
        as fee_gap_ratio,
    coalesce(campaigns.campaign_count, 0) as campaign_count,
    cast(campaigns.discount_percent / 100.0 as numeric(9, 6)) as highest_discount_rate,
    offers.currency_code
from places
inner join months
    on places.month = months.month
left join shares
    on places.month = shares.month
        and places.region_id = shares.region_id
        and places.service_line = shares.service_line
        and places.rival_name = shares.operator_name
left join market
    on places.month = market.month
        and places.region_id = market.region_id
        and places.service_line = market.service_line
left join ports
    on places.month = ports.month
        and places.region_id = ports.region_id
        and places.service_line = ports.service_line
        and places.rival_name = ports.rival_name
left join offers_by_currency as offers
    on places.month = offers.month
        and places.region_id = offers.region_id
        and places.service_line = offers.service_line
        and places.rival_name = offers.rival_name
        and offers.choice = 1
left join own_lowest
    on places.month = own_lowest.month
        and places.service_line = own_lowest.service_line
        and offers.currency_code = own_lowest.currency_code
left join campaigns
    on places.month = campaigns.month
        and places.region_id = campaigns.region_id
        and places.service_line = campaigns.service_line
        and places.rival_name = campaigns.rival_name
