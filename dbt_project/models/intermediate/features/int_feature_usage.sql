{{ config(pre_hook=large_memory()) }}

-- Use in the 7, 30 and 90 days up to each feature date. A window that reaches back beyond the delivered usage is null,
-- for a sum over the part that was delivered would read as low use.
{%- set measures = {
    'voice_seconds': "case when daily.service_type = 'voice' then daily.duration_seconds else 0 end",
    'data_bytes': "case when daily.service_type = 'data' then daily.volume_bytes else 0 end",
    'sms_count': "case when daily.service_type = 'sms' then daily.event_count else 0 end",
} %}
with usage_window as (

    select
        min(complete_from_date) as complete_from_date,
        max(complete_to_date) as complete_to_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'usage' and entity_name = 'usage_event'
    having min(complete_from_date) is not null

),

dates as (

    select
        dates.as_of_date,
        {{ date_plus('dates.as_of_date', -7) }} as day_7,
        {{ date_plus('dates.as_of_date', -30) }} as day_30,
        {{ date_plus('dates.as_of_date', -90) }} as day_90,
        usage_window.complete_from_date <= {{ date_plus('dates.as_of_date', -6) }} as has_7,
        usage_window.complete_from_date <= {{ date_plus('dates.as_of_date', -29) }} as has_30,
        usage_window.complete_from_date <= {{ date_plus('dates.as_of_date', -89) }} as has_90
    from {{ ref('int_feature_date') }} as dates
    inner join usage_window
        on dates.as_of_date between usage_window.complete_from_date and usage_window.complete_to_date

),

volumes as (

    select
        dates.as_of_date,
        daily.subscription_id,
        {%- for name, expression in measures.items() %}
            {%- for days in [7, 30, 90] %}
        sum(case when daily.usage_date > dates.day_{{ days }} then {{ expression }} else 0 end) as {{ name }}_{{ days }},
            {%- endfor %}
        {%- endfor %}
        sum(case when daily.usage_date > dates.day_30 and daily.roaming_type <> 'home' then daily.event_count else 0 end)
            as roaming_event_count_30,
        sum(
            case
                when daily.usage_date > dates.day_30 and daily.network_type = 'off_net' then daily.event_count else 0
            end
        ) as off_net_event_count_30,
        sum(case when daily.usage_date > dates.day_30 then daily.event_count else 0 end) as event_count_30
    from {{ ref('fct_usage_daily') }} as daily
    inner join dates
        on daily.usage_date > dates.day_90 and daily.usage_date <= dates.as_of_date
    where daily.subscription_sk is not null
    group by dates.as_of_date, daily.subscription_id

),

days as (

    select
        dates.as_of_date,
        activity.subscription_id,
        count(*) filter (where activity.is_usage_day and activity.activity_date > dates.day_30) as use_day_count_30,
        max(case when activity.is_usage_day then activity.activity_date end) as last_use_date,
        max(activity.activity_date) as last_activity_date
    from {{ ref('int_activity_day') }} as activity
    inner join dates
        on activity.activity_date > dates.day_90 and activity.activity_date <= dates.as_of_date
    group by dates.as_of_date, activity.subscription_id

),

topups as (

    select
        dates.as_of_date,
        topup.subscription_id,
        count(*) filter (where topup.topup_date > dates.day_30) as topup_count_30,
        count(*) as topup_count_90,
        sum(case when topup.topup_date > dates.day_30 then topup.amount else 0 end) as topup_amount_30,
        sum(topup.amount) as topup_amount_90,
        max(topup.topup_date) as last_topup_date
    from {{ ref('fct_topup') }} as topup
    inner join dates
        on topup.topup_date > dates.day_90 and topup.topup_date <= dates.as_of_date
    where topup.subscription_sk is not null
    group by dates.as_of_date, topup.subscription_id

)

select
    subject.as_of_date,
    subject.subscription_id,
    {%- for name in measures %}
        {%- for days in [7, 30, 90] %}
    case when dates.has_{{ days }} then coalesce(volumes.{{ name }}_{{ days }}, 0) end as {{ name }}_{{ days }},
        {%- endfor %}
    {%- endfor %}
    case when dates.has_30 then coalesce(volumes.roaming_event_count_30, 0) end as roaming_event_count_30,
    case
        when dates.has_30 and volumes.event_count_30 > 0
            then volumes.off_net_event_count_30 * 1.0 / volumes.event_count_30
    end as off_net_share_30,
    case
        when dates.has_30 then least(30, subject.tenure_days + 1) - coalesce(days.use_day_count_30, 0)
    end as zero_use_day_count_30,
    least(
        90, {{ dbt.datediff('coalesce(days.last_use_date, dates.day_90)', 'dates.as_of_date', 'day') }}
    ) as days_since_last_use,
    least(
        90, {{ dbt.datediff('coalesce(days.last_activity_date, dates.day_90)', 'dates.as_of_date', 'day') }}
    ) as days_since_last_activity,
    case when dates.has_30 then coalesce(topups.topup_count_30, 0) end as topup_count_30,
    case when dates.has_90 then coalesce(topups.topup_count_90, 0) end as topup_count_90,
    case when dates.has_30 then coalesce(topups.topup_amount_30, 0) end as topup_amount_30,
    case when dates.has_90 then coalesce(topups.topup_amount_90, 0) end as topup_amount_90,
    {{ dbt.datediff('topups.last_topup_date', 'dates.as_of_date', 'day') }} as days_since_last_topup
from {{ ref('int_feature_subject') }} as subject
inner join dates
    on subject.as_of_date = dates.as_of_date
left join volumes
    on subject.as_of_date = volumes.as_of_date and subject.subscription_id = volumes.subscription_id
left join days
    on subject.as_of_date = days.as_of_date and subject.subscription_id = days.subscription_id
left join topups
    on subject.as_of_date = topups.as_of_date and subject.subscription_id = topups.subscription_id
