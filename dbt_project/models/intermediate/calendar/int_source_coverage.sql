-- The days an entity has been delivered for without a gap, from its first period on. A later period after a hole does
-- not count until the hole is filled: what is missing must look missing, not empty.
with loads as (

    select
        source_name,
        entity_name,
        period_from,
        period_to
    from {{ ref('stg_ops__load') }}
    where period_from is not null and period_to is not null

),

with_reach as (

    select
        *,
        max(period_to) over (
            partition by source_name, entity_name
            order by period_from, period_to
            rows between unbounded preceding and 1 preceding
        ) as covered_to_date
    from loads

),

marked as (

    select
        *,
        sum(case when period_from > {{ date_plus('covered_to_date', 1) }} then 1 else 0 end) over (
            partition by source_name, entity_name
            order by period_from, period_to
            rows unbounded preceding
        ) as gap_count
    from with_reach

)

select
    source_name,
    entity_name,
    min(period_from) as complete_from_date,
    max(period_to) filter (where gap_count = 0) as complete_to_date,
    max(period_to) as latest_date,
    max(gap_count) as gap_count
from marked
group by source_name, entity_name
