-- What was in a stage at the end of a month is, a month later, somewhere: in a stage or aged out; and all that is in a
-- stage came from somewhere.
with stages as (

    select
        month,
        lifecycle_stage_code,
        sum(closing_count) as line_count
    from {{ ref('lifecycle_stage_monthly') }}
    where lifecycle_stage_code <> 'P'
    group by month, lifecycle_stage_code

),

months as (

    select
        month,
        min(month) over () as first_month
    from {{ ref('int_month') }}

),

outflow as (

    select
        month,
        from_stage_code as lifecycle_stage_code,
        sum(subscription_count) as line_count
    from {{ ref('lifecycle_transition_monthly') }}
    where from_stage_code <> 'new'
    group by month, from_stage_code

),

inflow as (

    select
        month,
        to_stage_code as lifecycle_stage_code,
        sum(subscription_count) as line_count
    from {{ ref('lifecycle_transition_monthly') }}
    where to_stage_code <> 'aged_out'
    group by month, to_stage_code

),

expected as (

    select
        'out' as side,
        months.month,
        stages.lifecycle_stage_code,
        stages.line_count
    from stages
    inner join months
        on months.month = {{ date_plus('stages.month', 1, 'month') }}

    union all

    select
        'in' as side,
        stages.month,
        stages.lifecycle_stage_code,
        stages.line_count
    from stages
    inner join months
        on stages.month = months.month and months.month > months.first_month

),

found as (

    select
        'out' as side,
        outflow.*
    from outflow

    union all

    select
        'in' as side,
        inflow.*
    from inflow

)

select
    coalesce(expected.side, found.side) as side,
    coalesce(expected.month, found.month) as month,
    coalesce(expected.lifecycle_stage_code, found.lifecycle_stage_code) as lifecycle_stage_code,
    expected.line_count as expected_count,
    found.line_count as found_count
from expected
full outer join found
    on expected.side = found.side
        and expected.month = found.month
        and expected.lifecycle_stage_code = found.lifecycle_stage_code
where coalesce(expected.line_count, 0) <> coalesce(found.line_count, 0)
