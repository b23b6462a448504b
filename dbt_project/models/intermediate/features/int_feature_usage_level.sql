{{ config(pre_hook=large_memory()) }}

-- Use of the last 30 days against the usual: the mean of the two fullest of the five spans of 30 days before. A mean of
-- all would fall with a line that has been fading for months, and so hide it.
with usage_window as (

    select min(complete_from_date) as complete_from_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'usage' and entity_name = 'usage_event'
    having min(complete_from_date) is not null

),

days as (

    select
        dates.as_of_date,
        calendar.calendar_date,
        cast(floor({{ dbt.datediff('calendar.calendar_date', 'dates.as_of_date', 'day') }} / 30) as integer) -- noqa: LT05
            as span_number
    from {{ ref('int_feature_date') }} as dates
    inner join {{ ref('dim_date') }} as calendar
        on calendar.calendar_date > {{ date_plus('dates.as_of_date', -180) }}
            and calendar.calendar_date <= dates.as_of_date

),

-- A span of which a part was not delivered would read as low use.
spans as (

    select
        days.as_of_date,
        days.calendar_date,
        days.span_number
    from days
    inner join usage_window
        on usage_window.complete_from_date <= {{ date_plus('days.as_of_date', '-29 - 30 * days.span_number') }}

),

used as (

    select
        spans.as_of_date,
        activity.subscription_id,
        spans.span_number,
        sum(activity.event_count) as event_count
    from {{ ref('int_activity_day') }} as activity
    inner join spans
        on activity.activity_date = spans.calendar_date
    -- So would the span that a line joined in.
    inner join {{ ref('int_feature_subject') }} as subject
        on spans.as_of_date = subject.as_of_date
            and activity.subscription_id = subject.subscription_id
            and subject.tenure_days >= 29 + 30 * spans.span_number
    group by spans.as_of_date, activity.subscription_id, spans.span_number

),

ranked as (

    select
        as_of_date,
        subscription_id,
        span_number,
        event_count,
        row_number() over (
            partition by as_of_date, subscription_id
            order by case when span_number > 0 then event_count else -1 end desc, span_number
        ) as place
    from used

),

levels as (

    select
        as_of_date,
        subscription_id,
        coalesce(sum(event_count) filter (where span_number = 0), 0) as event_count_30,
        avg(event_count) filter (where span_number > 0 and place <= 2) as usual_event_count
    from ranked
    group by as_of_date, subscription_id

)

select
    as_of_date,
    subscription_id,
    event_count_30 / nullif(usual_event_count, 0) as usage_level_ratio
from levels
