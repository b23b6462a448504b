-- Events, seconds, bytes and rated amounts: landed by the as-of date, in the fact, and in the summary.
with landed as (

    select
        sum(event_count) as event_count,
        sum(duration_seconds) as duration_seconds,
        sum(cast(volume_bytes as numeric)) as volume_bytes,
        sum(rated_amount) as rated_amount
    from {{ ref('stg_usage__usage_event') }}
    where started_at < {{ as_of_end_at() }}

),

fact as (

    select
        sum(event_count) as event_count,
        sum(duration_seconds) as duration_seconds,
        sum(cast(volume_bytes as numeric)) as volume_bytes,
        sum(rated_amount) as rated_amount
    from {{ ref('fct_usage_daily') }}

),

summary as (

    select
        sum(event_count) as event_count,
        sum(duration_seconds) as duration_seconds,
        sum(volume_mb) * 1000000 as volume_bytes,
        sum(rated_amount) as rated_amount
    from {{ ref('usage_monthly') }}

),

totals as (

    select
        'fct_usage_daily' as mart_name,
        *
    from fact
    union all
    select
        'usage_monthly' as mart_name,
        *
    from summary

)

select
    totals.*,
    landed.event_count as landed_event_count
from totals
cross join landed
where coalesce(totals.event_count, 0) <> landed.event_count
    or coalesce(totals.duration_seconds, 0) <> coalesce(landed.duration_seconds, 0)
    or coalesce(totals.volume_bytes, 0) <> coalesce(landed.volume_bytes, 0)
    or coalesce(totals.rated_amount, 0) <> coalesce(landed.rated_amount, 0)
