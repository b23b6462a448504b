-- The sums behind the KPIs of campaigns, leads, opportunities and competition. A component is null in a row that does
-- not speak of it, so that the KPI is missing where its source says nothing of a month.
{% set measures = [
    'campaign_treated_count', 'campaign_incremental_count', 'campaign_net_value_amount', 'campaign_cost_amount',
    'lead_converted_count', 'lead_decided_count', 'opportunity_won_count', 'opportunity_decided_count', 'weighted_pipeline_amount', 'own_market_line_count',
    'market_line_count', 'port_in_count', 'port_out_count'
] -%}
-- The treated count as they are, each of the control group against as many of them as it stands for: the sum over any
-- lines is the increment among them, and over all the increment of the campaign.
with contacts as (

    select
        {{ month_of('contact.assigned_date') }} as month,
        coalesce(version.region_id, 'unknown') as region_id,
        coalesce(version.brand_name, 'unknown') as brand_name,
        coalesce(version.service_line, 'unknown') as service_line,
        coalesce(version.plan_type, 'unknown') as plan_type,
        coalesce(monthly_value.value_tier, 'unknown') as value_tier,
        effect.currency_code,
        effect.outcome_value_amount,
        case when effect.roi_ratio is not null then coalesce(contact.cost_amount, 0) end as cost_amount,
        case when contact.is_control then 0 else 1 end as treated_count,
        case
            when not contact.has_outcome then 0
            when contact.is_control then -1 * cast(effect.treated_count as numeric) / effect.control_count
            else 1
        end as incremental_count
    from {{ ref('fct_campaign_contact') }} as contact
    inner join {{ ref('campaign_effect') }} as effect
        on contact.campaign_id = effect.campaign_id
            and effect.is_window_complete
            and effect.control_count > 0
    left join {{ ref('dim_subscription') }} as version
        on contact.subscription_id = version.subscription_id and {{ version_before('version', 'contact.assigned_at') }}
    left join {{ ref('int_subscription_month_value') }} as monthly_value
        on contact.subscription_id = monthly_value.subscription_id
            and {{ month_of('contact.assigned_date') }} = {{ date_plus('monthly_value.month', 1, 'month') }}

),

components as (

    select
        month,
        currency_code,
        {{ slice_list() }},
        sum(treated_count) as campaign_treated_count,
        cast(sum(incremental_count) as numeric(18, 6)) as campaign_incremental_count,
        cast(
            sum(case when cost_amount is not null then incremental_count * outcome_value_amount - cost_amount end)
            as numeric(18, 6)
        ) as campaign_net_value_amount,
        sum(cost_amount) as campaign_cost_amount,
        {%- for measure in measures[4:] %}
            cast(null as numeric) as {{ measure }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from contacts
    group by month, currency_code, {{ slice_list() }}

    union all

    select
        month,
        '' as currency_code,
        region_id,
        'unknown' as brand_name,
        case product_interest_code when 'broadband' then 'broadband' when 'unknown' then 'unknown' else 'mobile' end
            as service_line,
        case product_interest_code
            when 'prepaid' then 'prepaid' when 'postpaid' then 'postpaid' else 'unknown'
        end as plan_type,
        'unknown' as value_tier,
        cast(null as numeric) as campaign_treated_count,
        cast(null as numeric) as campaign_incremental_count,
        cast(null as numeric) as campaign_net_value_amount,
        cast(null as numeric) as campaign_cost_amount,
        cast(case when status_code = 'converted' then entered_count else 0 end as numeric) as lead_converted_count,
        cast(entered_count as numeric) as lead_decided_count,
        {%- for measure in measures[6:] %}
            cast(null as numeric) as {{ measure }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('lead_funnel_monthly') }}
    where status_code in ('converted', 'lost')

    union all

    select
        month,
        currency_code,
        region_id,
        'unknown' as brand_name,
        'unknown' as service_line,
        'unknown' as plan_type,
        'unknown' as value_tier,
        {%- for measure in measures[:6] %}
            cast(null as numeric) as {{ measure }},
        {%- endfor %}
        cast(won_count as numeric) as opportunity_won_count,
        cast(won_count + lost_count as numeric) as opportunity_decided_count,
        cast(weighted_amount as numeric) as weighted_pipeline_amount,
        {%- for measure in measures[9:] %}
            cast(null as numeric) as {{ measure }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('opportunity_movement_monthly') }}

    union all

    -- What is ours and the market's stands on the row of every rival: once is enough.
    select
        month,
        '' as currency_code,
        region_id,
        'unknown' as brand_name,
        service_line,
        'unknown' as plan_type,
        'unknown' as value_tier,
        {%- for measure in measures[:9] %}
            cast(null as numeric) as {{ measure }},
        {%- endfor %}
        cast(max(own_line_count) as numeric) as own_market_line_count,
        cast(max(market_line_count) as numeric) as market_line_count,
        cast(sum(port_in_count) as numeric) as port_in_count,
        cast(sum(port_out_count) as numeric) as port_out_count
    from {{ ref('competition_monthly') }}
    group by month, region_id, service_line

)

select
    month,
    currency_code,
    {{ slice_list() }},
    {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from components
group by month, currency_code, {{ slice_list() }}
