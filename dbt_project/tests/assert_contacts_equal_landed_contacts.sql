-- Contacts, answers, waits and handling times: landed by the as-of date, in the fact, and in the monthly and hourly
-- marts.
with landed as (

    select
        count(*) as offered_count,
        count(answered_at) as answered_count,
        coalesce(sum(case when answered_at is not null then wait_seconds end), 0) as answer_wait_seconds,
        coalesce(sum(case when answered_at is not null then handle_seconds end), 0) as handle_seconds
    from {{ ref('stg_care__interaction') }}
    where started_at < {{ as_of_end_at() }}

),

totals as (

    select
        'fct_interaction' as mart_name,
        count(*) as offered_count,
        count(*) filter (where is_answered) as answered_count,
        coalesce(sum(wait_seconds) filter (where is_answered), 0) as answer_wait_seconds,
        coalesce(sum(handle_seconds) filter (where is_answered), 0) as handle_seconds
    from {{ ref('fct_interaction') }}
    {% for mart in ['service_quality_monthly', 'contact_centre_hourly'] %}
        union all
        select
            '{{ mart }}' as mart_name,
            coalesce(sum(offered_count), 0) as offered_count,
            coalesce(sum(answered_count), 0) as answered_count,
            coalesce(sum(answer_wait_seconds), 0) as answer_wait_seconds,
            coalesce(sum(handle_seconds), 0) as handle_seconds
        from {{ ref(mart) }}
    {% endfor %}

)

select
    totals.*,
    landed.offered_count as landed_offered_count,
    landed.answered_count as landed_answered_count
from totals
cross join landed
where totals.offered_count <> landed.offered_count
    or totals.answered_count <> landed.answered_count
    or totals.answer_wait_seconds <> landed.answer_wait_seconds
    or totals.handle_seconds <> landed.handle_seconds
