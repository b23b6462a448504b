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

levels as (

    select
        counted.as_of_date,
        counted.subscription_id,
        histories.usual_event_count,
        counted.event_count as used_30,
        histories.usual_event_count as usual_30,
        counted.event_count + histories.event_count_before_1 as used_60,
        2 * histories.usual_event_count as usual_60,
        counted.event_count + histories.event_count_before_1 + histories.event_count_before_2 as used_90,
        3 * histories.usual_event_count as usual_90
    from counted
    inner join histories
        on counted.as_of_date = histories.as_of_date and counted.subscription_id = histories.subscription_id

)

select
    levels.as_of_date,
    levels.subscription_id,
    falls.fall_ratio as usage_fall_ratio,
    falls.fall_deviation as usage_fall_deviation,
    falls.later_count as usage_fall_span_count,
    levels.used_30 / nullif(levels.usual_event_count, 0) as usage_level_ratio,
    {%- for days in [30, 60, 90] %}
        -- Signed root of the Poisson deviance: how many standard deviations the count lies from the usual, so that two
        -- events instead of four weigh less than 50 instead of 100 (McCullagh and Nelder, Generalized Linear Models).
        sign(levels.used_{{ days }} - levels.usual_{{ days }}) * sqrt(
            greatest(
                2 * (
                    case
                        when levels.used_{{ days }} > 0 then levels.used_{{ days }} * ln(levels.used_{{ days }} / levels.usual_{{ days }})
                        else 0
                    end
                    - (levels.used_{{ days }} - levels.usual_{{ days }})
                ),
                0
            )
        ) as usage_deviation_{{ days }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from levels
left join falls
    on levels.as_of_date = falls.as_of_date and levels.subscription_id = falls.subscription_id and falls.choice = 1
where levels.usual_event_count > 0
