-- Use in the 7, 30 and 90 days up to each feature date. A window that reaches back beyond the delivered usage is null,
-- for a sum over the part that was delivered would read as low use.
{%- set measures = ['voice_seconds', 'data_bytes', 'sms_count', 'event_count'] %}
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
        {{ date_plus('dates.as_of_date', -90) }} as day_90,
        usage_window.complete_from_date <= {{ date_plus('dates.as_of_date', -6) }} as has_7,
        usage_window.complete_from_date <= {{ date_plus('dates.as_of_date', -29) }} as has_30,
        usage_window.complete_from_date <= {{ date_plus('dates.as_of_date', -89) }} as has_90
    from {{ ref('int_feature_date') }} as dates
    inner join usage_window
        on dates.as_of_date between usage_window.complete_from_date and usage_window.complete_to_date

)

select
    subject.as_of_date,
    subject.subscription_id,
    {%- for name in measures %}
        {%- for days in [7, 30, 90] %}
            case when dates.has_{{ days }} then coalesce(sums.{{ name }}_{{ days }}, 0) end as {{ name }}_{{ days }},
        {%- endfor %}
    {%- endfor %}
    case when dates.has_30 then coalesce(sums.rated_amount_30, 0) end as rated_amount_30,
    case when dates.has_30 then coalesce(sums.roaming_event_count_30, 0) end as roaming_event_count_30,
    case
        when dates.has_30 and sums.event_count_30 > 0
            then sums.off_net_event_count_30 * 1.0 / sums.event_count_30
    end as off_net_share_30,
    case
        when dates.has_30 then least(30, subject.tenure_days + 1) - coalesce(sums.use_day_count_30, 0)
    end as zero_use_day_count_30,
    least(
        90, {{ dbt.datediff('coalesce(sums.last_use_date, dates.day_90)', 'dates.as_of_date', 'day') }}
    ) as days_since_last_use,
    least(
        90, {{ dbt.datediff('coalesce(sums.last_activity_date, dates.day_90)', 'dates.as_of_date', 'day') }}
    ) as days_since_last_activity,
    case when dates.has_30 then coalesce(sums.topup_count_30, 0) end as topup_count_30,
    case when dates.has_90 then coalesce(sums.topup_count_90, 0) end as topup_count_90,
    case when dates.has_30 then coalesce(sums.topup_amount_30, 0) end as topup_amount_30,
    case when dates.has_90 then coalesce(sums.topup_amount_90, 0) end as topup_amount_90,
    {{ dbt.datediff('sums.last_topup_date', 'dates.as_of_date', 'day') }} as days_since_last_topup -- noqa: LT05
from {{ ref('int_feature_subject') }} as subject
inner join dates
    on subject.as_of_date = dates.as_of_date
left join {{ ref('int_usage_window') }} as sums
    on subject.as_of_date = sums.as_of_date and subject.subscription_id = sums.subscription_id
