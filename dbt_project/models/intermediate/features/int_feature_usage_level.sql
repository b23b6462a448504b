-- Use of the last 30, 60 and 90 days against the usual: three quarters of the earlier spans of 30 days, at most
-- twelve, saw less than it. A mean would fall with a line that has been fading for months and so hide it, the fullest
-- span would be luck. Everything is counted in shares of what the lines used at that date on average, so that a
-- festival or a season, which moves all of them, is no change of one.
--
-- Use that has fallen and stayed low is looked for as a change point: of all ways to part the spans into earlier and
-- later ones, the likeliest is that with the greatest ratio of the likelihoods of two Poisson means and of one
-- (Chen and Gupta, Parametric Statistical Change Point Analysis). Spans spent elsewhere are left out of it: a journey
-- is no change of habit.
{%- set away_share = 0.25 %}
{%- set longest_fall_spans = 7 %}
with usage_window as (

    select min(complete_from_date) as complete_from_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'usage' and entity_name = 'usage_event'
    having min(complete_from_date) is not null

),

counted as (

    select
        subject.as_of_date,
        subject.subscription_id,
        -- A span that a line joined in, or of which a part was not delivered, would read as low use.
        subject.tenure_days >= 29 as is_lived_through,
        coalesce(used.roaming_event_count_30 > {{ away_share }} * used.event_count_30, false) as is_away,
        coalesce(used.event_count_30, 0) as event_count
    from {{ ref('int_feature_subject') }} as subject
    inner join usage_window
        on usage_window.complete_from_date <= {{ date_plus('subject.as_of_date', -29) }}
    left join {{ ref('int_usage_window') }} as used
        on subject.as_of_date = used.as_of_date and subject.subscription_id = used.subscription_id

),

means as (

    select
        as_of_date,
        avg(event_count) as mean_event_count
    from counted
    group by as_of_date
    having sum(event_count) > 0

),

-- For each feature date the dates before it whose spans do not overlap, the latest first.
earlier_dates as (

    select
        dates.as_of_date,
        earlier.as_of_date as earlier_date,
        means.mean_event_count / earlier_means.mean_event_count as level_ratio,
        row_number() over (partition by dates.as_of_date order by earlier.as_of_date desc) as place
    from {{ ref('int_feature_date') }} as dates
    inner join means
        on dates.as_of_date = means.as_of_date
    inner join {{ ref('int_feature_date') }} as earlier
        on earlier.as_of_date <= {{ date_plus('dates.as_of_date', -28) }}
            and earlier.as_of_date >= {{ date_plus('dates.as_of_date', -372) }}
    inner join means as earlier_means
        on earlier.as_of_date = earlier_means.as_of_date

),

histories as (

    select
        earlier_dates.as_of_date,
        earlier.subscription_id,
        percentile_cont(0.75) within group (order by earlier.event_count * earlier_dates.level_ratio)
            as usual_event_count,
        max(case when earlier_dates.place = 1 then earlier.event_count * earlier_dates.level_ratio end)
            as event_count_before_1,
        max(case when earlier_dates.place = 2 then earlier.event_count * earlier_dates.level_ratio end)
            as event_count_before_2
    from earlier_dates
    inner join counted as earlier
        on earlier_dates.earlier_date = earlier.as_of_date
    where earlier.is_lived_through
    group by earlier_dates.as_of_date, earlier.subscription_id

),

-- The span that ends at the feature date itself has place 0.
spans as (

    select
        places.as_of_date,
        counted.subscription_id,
        places.place,
        cast(counted.event_count * places.level_ratio as {{ dbt.type_float() }}) as event_count
    from (
        select
            as_of_date,
            earlier_date,
            level_ratio,
            place
        from earlier_dates
        union all
        select
            as_of_date,
            as_of_date as earlier_date,
            1 as level_ratio,
            0 as place
        from means
    ) as places
    inner join counted
        on places.earlier_date = counted.as_of_date
    where counted.is_lived_through and not counted.is_away

),

parted as (

    select
        as_of_date,
        subscription_id,
        row_number() over since as later_count,
        sum(event_count) over since as later_event_count,
        count(*) over whole as span_count,
        sum(event_count) over whole as event_count
    from spans
    window
        whole as (partition by as_of_date, subscription_id),
        since as (partition by as_of_date, subscription_id order by place rows unbounded preceding)

),

compared as (

    select
        as_of_date,
        subscription_id,
        later_count,
        event_count / span_count as mean_event_count,
        later_event_count / later_count as later_mean_event_count,
        (event_count - later_event_count) / (span_count - later_count) as earlier_mean_event_count,
        span_count - later_count as earlier_count
    from parted
    where later_count <= {{ longest_fall_spans }} and later_count < span_count and event_count > 0

),

-- The logarithms of a mean of nothing are multiplied by nothing.
weighed as (

    select
        *,
        later_count * later_mean_event_count * ln(greatest(later_mean_event_count / mean_event_count, 1e-9))
        + earlier_count * earlier_mean_event_count * ln(greatest(earlier_mean_event_count / mean_event_count, 1e-9))
            as log_likelihood_ratio
    from compared

),

falls as (

    select
        as_of_date,
        subscription_id,
        later_count,
        later_mean_event_count / nullif(earlier_mean_event_count, 0) as fall_ratio,
        sign(earlier_mean_event_count - later_mean_event_count) * sqrt(2 * greatest(log_likelihood_ratio, 0))
            as fall_deviation,
        row_number() over (
            partition by as_of_date, subscription_id
            order by
                sign(earlier_mean_event_count - later_mean_event_count) * log_likelihood_ratio desc,
                later_count
        ) as choice
    from weighed

),

-- Brought together by grouping: of a join the planner expects few rows, and compares every line with every other.
parts as (

    select
        as_of_date,
        subscription_id,
        cast(event_count as {{ dbt.type_float() }}) as event_count,
        cast(null as {{ dbt.type_float() }}) as usual_event_count,
        cast(null as {{ dbt.type_float() }}) as event_count_before_1,
        cast(null as {{ dbt.type_float() }}) as event_count_before_2,
        cast(null as {{ dbt.type_float() }}) as fall_ratio,
        cast(null as {{ dbt.type_float() }}) as fall_deviation,
        cast(null as bigint) as fall_span_count
    from counted

    union all

    select
        as_of_date,
        subscription_id,
        null as event_count,
        usual_event_count,
        event_count_before_1,
        event_count_before_2,
        null as fall_ratio,
        null as fall_deviation,
        null as fall_span_count
    from histories

    union all

    select
        as_of_date,
        subscription_id,
        null as event_count,
        null as usual_event_count,
        null as event_count_before_1,
        null as event_count_before_2,
        fall_ratio,
        fall_deviation,
        later_count as fall_span_count
    from falls
    where choice = 1

),

gathered as (

    select
        as_of_date,
        subscription_id,
        max(event_count) as event_count,
        max(usual_event_count) as usual_event_count,
        max(event_count_before_1) as event_count_before_1,
        max(event_count_before_2) as event_count_before_2,
        max(fall_ratio) as fall_ratio,
        max(fall_deviation) as fall_deviation,
        max(fall_span_count) as fall_span_count
    from parts
    group by as_of_date, subscription_id

),

levels as (

    select
        *,
        event_count as used_30,
        usual_event_count as usual_30,
        event_count + event_count_before_1 as used_60,
        2 * usual_event_count as usual_60,
        event_count + event_count_before_1 + event_count_before_2 as used_90,
        3 * usual_event_count as usual_90
    from gathered
    where event_count is not null and usual_event_count > 0

)

select
    as_of_date,
    subscription_id,
    used_30 / usual_event_count as usage_level_ratio,
    {%- for days in [30, 60, 90] %}
        -- Signed root of the Poisson deviance: how many standard deviations the count lies from the usual, so that two
        -- events instead of four weigh less than 50 instead of 100 (McCullagh and Nelder, Generalized Linear Models).
        sign(used_{{ days }} - usual_{{ days }}) * sqrt(
            greatest(
                2 * (
                    case
                        when used_{{ days }} > 0 then used_{{ days }} * ln(used_{{ days }} / usual_{{ days }})
                        else 0
                    end
                    - (used_{{ days }} - usual_{{ days }})
                ),
                0
            )
        ) as usage_deviation_{{ days }},
    {%- endfor %}
    fall_ratio as usage_fall_ratio,
    fall_deviation as usage_fall_deviation,
    fall_span_count as usage_fall_span_count
from levels
