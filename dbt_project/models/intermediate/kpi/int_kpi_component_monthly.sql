-- The sums that every KPI is made of, by month, slice and currency. A component is null where its source was not
-- delivered for the month, and 0 where it was and there is none.
with base as (

    select
        movement.month,
        movement.currency_code,
        {{ slice_list('movement') }},
        cast(movement.opening_count as numeric) as opening_count,
        cast(movement.closing_count as numeric) as closing_count,
        cast(
            movement.activation_count
            + movement.reactivation_count
            + movement.win_back_count
            - movement.opening_voluntary_churn_count
            - movement.opening_involuntary_churn_count
            - movement.opening_inactive_churn_count
            - movement.joiner_voluntary_churn_count
            - movement.joiner_involuntary_churn_count
            - movement.joiner_inactive_churn_count
            as numeric
        ) as net_addition_count,
        cast(movement.opening_voluntary_churn_count as numeric) as opening_voluntary_churn_count,
        cast(movement.opening_involuntary_churn_count as numeric) as opening_involuntary_churn_count,
        cast(movement.opening_inactive_churn_count as numeric) as opening_inactive_churn_count,
        (movement.opening_count + movement.closing_count) * 0.5 as mean_base_count,
        case when capability.is_voice_capable then movement.opening_count + movement.closing_count else 0 end * 0.5
            as mean_voice_base_count,
        case when capability.is_data_capable then movement.opening_count + movement.closing_count else 0 end * 0.5
            as mean_data_base_count,
        cast(0 as numeric) as service_revenue_amount,
        cast(0 as numeric) as voice_seconds,
        cast(0 as numeric) as network_voice_seconds,
        cast(0 as numeric) as data_mb
    from {{ ref('int_base_movement') }} as movement
    left join {{ ref('service_capability') }} as capability
        on movement.service_line = capability.service_line

),

revenue as (

    select
        month,
        currency_code,
        {{ slice_list() }},
        {%- for column in [
            'opening_count', 'closing_count', 'net_addition_count', 'opening_voluntary_churn_count',
            'opening_involuntary_churn_count', 'opening_inactive_churn_count', 'mean_base_count',
            'mean_voice_base_count', 'mean_data_base_count'
        ] %}
            cast(0 as numeric) as {{ column }},
        {%- endfor %}
        net_amount as service_revenue_amount,
        cast(0 as numeric) as voice_seconds,
        cast(0 as numeric) as network_voice_seconds,
        cast(0 as numeric) as data_mb
    from {{ ref('revenue_monthly') }}
    where is_service_revenue

),

-- Unresolved usage belongs to no base, and its service line, unknown, is capable of nothing.
usage as (

    select
        monthly.month,
        '' as currency_code,
        {{ slice_list('monthly') }},
        {%- for column in [
            'opening_count', 'closing_count', 'net_addition_count', 'opening_voluntary_churn_count',
            'opening_involuntary_churn_count', 'opening_inactive_churn_count', 'mean_base_count',
            'mean_voice_base_count', 'mean_data_base_count', 'service_revenue_amount'
        ] %}
            cast(0 as numeric) as {{ column }},
        {%- endfor %}
        case
            when monthly.service_type = 'voice' and capability.is_voice_capable then monthly.duration_seconds
            else 0
        end as voice_seconds,
        -- The two legs of a call between our lines are one call of the network.
        case
            when monthly.service_type = 'voice' and capability.is_voice_capable
                and not (monthly.network_type = 'on_net' and monthly.direction = 'incoming')
                then monthly.duration_seconds
            else 0
        end as network_voice_seconds,
        case
            when monthly.service_type = 'data' and capability.is_data_capable then monthly.volume_mb
            else 0
        end as data_mb
    from {{ ref('usage_monthly') }} as monthly
    inner join {{ ref('service_capability') }} as capability
        on monthly.service_line = capability.service_line
    where monthly.service_type in ('voice', 'data')

),

components as (

    select * from base
    union all
    select * from revenue
    union all
    select * from usage

)

select
    components.month,
    months.is_month_closed,
    months.is_open_month,
    components.currency_code,
    {{ slice_list('components') }},
    sum(components.opening_count) as opening_count,
    sum(components.closing_count) as closing_count,
    sum(components.net_addition_count) as net_addition_count,
    sum(components.opening_voluntary_churn_count) as opening_voluntary_churn_count,
    sum(components.opening_involuntary_churn_count) as opening_involuntary_churn_count,
    sum(components.opening_inactive_churn_count) as opening_inactive_churn_count,
    sum(components.mean_base_count) as mean_base_count,
    sum(components.mean_voice_base_count) as mean_voice_base_count,
    sum(components.mean_data_base_count) as mean_data_base_count,
    case
        when months.is_revenue_delivered then sum(components.service_revenue_amount)
    end as service_revenue_amount,
    case
        when months.is_usage_delivered then round(sum(coalesce(components.voice_seconds, 0)) / 60.0, 6)
    end as voice_minutes,
    case
        when months.is_usage_delivered then round(sum(coalesce(components.network_voice_seconds, 0)) / 60.0, 6)
    end as network_voice_minutes,
    case when months.is_usage_delivered then sum(coalesce(components.data_mb, 0)) end as data_mb
from components
inner join {{ ref('int_month') }} as months
    on components.month = months.month
group by
    components.month,
    months.is_month_closed,
    months.is_open_month,
    months.is_revenue_delivered,
    months.is_usage_delivered,
    components.currency_code,
    {{ slice_list('components') }}
