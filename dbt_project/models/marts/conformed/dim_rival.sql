-- The other operators that the market extracts name. In the shares we stand beside them: our own name is the operator
-- that no offer, campaign or number carried over names.
with offers as (

    {{ entity_history(ref('stg_market__rival_offer'), 'rival_offer_id', ['rival_name', 'service_line']) }}

),

campaigns as (

    {{ entity_history(
        ref('stg_market__rival_campaign'), 'rival_campaign_id', ['rival_name', 'service_line', 'start_date', 'end_date']
    ) }}

),

seen as (

    select
        rival_name,
        service_line,
        1 as offer_count,
        0 as campaign_count,
        0 as running_campaign_count,
        0 as porting_count
    from offers
    where is_current

    union all

    select
        campaigns.rival_name,
        campaigns.service_line,
        0 as offer_count,
        1 as campaign_count,
        case
            when as_of.as_of_date between campaigns.start_date and campaigns.end_date then 1
            else 0
        end as running_campaign_count,
        0 as porting_count
    from campaigns
    cross join {{ ref('int_as_of_date') }} as as_of
    where campaigns.is_current

    union all

    select
        rival_name,
        'mobile' as service_line,
        0 as offer_count,
        0 as campaign_count,
        0 as running_campaign_count,
        1 as porting_count
    from {{ ref('stg_market__porting') }}
    where requested_at < {{ as_of_end_at() }}

)

select
    rival_name,
    {{ dbt.bool_or("service_line = 'mobile'") }} as is_mobile,
    {{ dbt.bool_or("service_line = 'broadband'") }} as is_broadband,
    {{ sum_whole('offer_count') }} as offer_count,
    {{ sum_whole('campaign_count') }} as campaign_count,
    {{ sum_whole('running_campaign_count') }} as running_campaign_count,
    {{ sum_whole('porting_count') }} as porting_count
from seen
where rival_name is not null
group by rival_name
