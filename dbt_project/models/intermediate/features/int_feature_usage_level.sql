-- Use of the last 30 days against the usual: the mean of the two fullest of the five spans of 30 days before. A mean of
-- all would fall with a line that has been fading for months, and so hide it.
with usage_window as (

    select min(complete_from_date) as complete_from_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'usage' and entity_name = 'usage_event'
    having min(complete_from_date) is not null

),

used as (

    {%- for span in range(6) %}
        {%- if not loop.first %}

            union all

        {%- endif %}

        select
            used.as_of_date,
            used.subscription_id,
            {{ span }} as span_number,
            used.event_count_span_{{ span }} as event_count
        from {{ ref('int_usage_window') }} as used
        -- A span of which a part was not delivered would read as low use.
        inner join usage_window
            on usage_window.complete_from_date <= {{ date_plus('used.as_of_date', -29 - 30 * span) }}
        -- So would the span that a line joined in.
        inner join {{ ref('int_feature_subject') }} as subject
            on used.as_of_date = subject.as_of_date
                and used.subscription_id = subject.subscription_id
                and subject.tenure_days >= {{ 29 + 30 * span }}
        where used.event_count_span_{{ span }} is not null
    {%- endfor %}

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
