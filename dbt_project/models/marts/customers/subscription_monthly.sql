with usage_total as (

    select
        month,
        subscription_id,
        {{ sum_whole('duration_seconds', "service_type = 'voice'") }} as voice_seconds,
        {{ sum_whole('volume_bytes', "service_type = 'data'") }} as data_bytes,
        {{ sum_whole('event_count', "service_type = 'sms'") }} as sms_count
    from {{ ref('int_usage_monthly') }}
    group by month, subscription_id

),

described as (

    select
        movement.*,
        months.is_month_closed,
        months.is_open_month,
        months.is_usage_delivered,
        version.customer_id,
        version.account_id,
        version.channel_id,
        opening.region_id as opening_region_id,
        opening.brand_name as opening_brand_name,
        opening.service_line as opening_service_line,
        opening.plan_type as opening_plan_type,
        -- Before the first delivered month no revenue is known, so every tier is the lowest.
        case when movement.is_opening then coalesce(previous.value_tier, 'standard') end as opening_value_tier,
        version.region_id as closing_region_id,
        version.brand_name as closing_brand_name,
        version.service_line as closing_service_line,
        version.plan_type as closing_plan_type,
        monthly_value.value_tier as closing_value_tier,
        monthly_value.value_tier_source,
        monthly_value.mean_revenue_amount,
        market.market_type,
        monthly_value.tenure_days,
        monthly_value.currency_code,
        monthly_value.service_revenue_amount,
        monthly_value.total_net_amount,
        capability.is_voice_capable,
        capability.is_data_capable,
        movement.voluntary_churn_count + movement.involuntary_churn_count + movement.inactive_churn_count
            as churn_count,
        case when movement.opening_churn_type is null then 0 else 1 end as opening_churn_count
    from {{ ref('int_subscription_month') }} as movement
    inner join {{ ref('int_month') }} as months
        on movement.month = months.month
    inner join {{ ref('int_subscription_month_value') }} as monthly_value
        on movement.month = monthly_value.month and movement.subscription_id = monthly_value.subscription_id
    inner join {{ ref('dim_subscription') }} as version
        on movement.closing_subscription_sk = version.subscription_sk
    inner join {{ ref('int_subscription_market') }} as market
        on movement.month = market.month and movement.subscription_id = market.subscription_id
    left join {{ ref('dim_subscription') }} as opening
        on movement.opening_subscription_sk = opening.subscription_sk
    left join {{ ref('int_subscription_month_value') }} as previous
        on movement.subscription_id = previous.subscription_id
            and movement.month = {{ date_plus('previous.month', 1, 'month') }}
    left join {{ ref('service_capability') }} as capability
        on version.service_line = capability.service_line

)

select
    described.month,
    described.subscription_id,
    described.closing_subscription_sk as subscription_sk,
    described.customer_id,
    described.account_id,
    described.channel_id,
    described.is_month_closed,
    described.is_open_month,
    {{ slice_list('described', 'opening_') }},
    {{ slice_list('described', 'closing_') }},
    described.is_opening,
    described.is_closing,
    described.is_opening
    and described.is_closing
    and described.churn_count = 0
    and not (
        {%- for column in slice_columns() %}
            described.opening_{{ column }} = described.closing_{{ column }}{% if not loop.last %} and{% endif %}
        {%- endfor %}
    ) as is_transferred,
    cast(described.activation_count as integer) as activation_count,
    cast(described.reactivation_count as integer) as reactivation_count,
    cast(described.win_back_count as integer) as win_back_count,
    cast(described.voluntary_churn_count as integer) as voluntary_churn_count,
    cast(described.involuntary_churn_count as integer) as involuntary_churn_count,
    cast(described.inactive_churn_count as integer) as inactive_churn_count,
    cast(described.opening_churn_count as integer) as opening_churn_count,
    cast(described.churn_count - described.opening_churn_count as integer) as same_month_churn_count,
    described.opening_churn_type,
    described.churn_type,
    described.churned_at,
    described.tenure_days,
    described.currency_code,
    described.service_revenue_amount,
    described.total_net_amount,
    case when described.is_usage_delivered then coalesce(usage_total.voice_seconds, 0) end as voice_seconds,
    case when described.is_usage_delivered then coalesce(usage_total.data_bytes, 0) end as data_bytes,
    case when described.is_usage_delivered then coalesce(usage_total.sms_count, 0) end as sms_count,
    coalesce(described.is_voice_capable, false) as is_voice_capable,
    coalesce(described.is_data_capable, false) as is_data_capable,
    case when described.is_opening then stage.previous_stage_code end as opening_lifecycle_stage_code,
    -- A line that left in the month is in the lost-customer base, however short the operator makes its stay there.
    coalesce(stage.lifecycle_stage_code, 'E') as lifecycle_stage_code,
    coalesce(stage.stage_month_count, 1) as lifecycle_stage_month_count,
    cast(coalesce(stage.signal_count, 0) as integer) as signal_count,
    cast(coalesce(stage.high_signal_count, 0) as integer) as high_signal_count,
    cast(coalesce(stage.medium_signal_count, 0) as integer) as medium_signal_count,
    described.value_tier_source,
    described.mean_revenue_amount,
    described.market_type
from described
left join {{ ref('int_subscription_stage_monthly') }} as stage
    on described.month = stage.month and described.subscription_id = stage.subscription_id
left join usage_total
    on described.month = usage_total.month and described.subscription_id = usage_total.subscription_id
