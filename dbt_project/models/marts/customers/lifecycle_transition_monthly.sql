-- From the first month on that has a month before it.
with stages as (

    select * from {{ ref('int_subscription_stage_monthly') }}

),

first_month as (

    select min(month) as month
    from {{ ref('int_month') }}

),

arrived as (

    select
        stages.month,
        coalesce(stages.previous_stage_code, 'new') as from_stage_code,
        stages.lifecycle_stage_code as to_stage_code,
        {{ slice_list('stages') }},
        coalesce(previous.stage_month_count, 0) as from_stage_month_count
    from stages
    inner join first_month
        on stages.month > first_month.month
    left join stages as previous
        on stages.subscription_id = previous.subscription_id
            and stages.month = {{ date_plus('previous.month', 1, 'month') }}

),

aged_out as (

    select
        months.month,
        stages.lifecycle_stage_code as from_stage_code,
        'aged_out' as to_stage_code,
        {{ slice_list('stages') }},
        stages.stage_month_count as from_stage_month_count
    from stages
    inner join {{ ref('int_month') }} as months
        on months.month = {{ date_plus('stages.month', 1, 'month') }}
    left join stages as later
        on stages.subscription_id = later.subscription_id and months.month = later.month
    where later.subscription_id is null

),

moves as (

    select * from arrived
    union all
    select * from aged_out

)

select
    moves.month,
    moves.from_stage_code,
    moves.to_stage_code,
    {{ slice_list('moves') }},
    months.is_month_closed,
    months.is_open_month,
    count(*) as subscription_count,
    {{ sum_whole('moves.from_stage_month_count') }} as from_stage_month_count
from moves
inner join {{ ref('int_month') }} as months
    on moves.month = months.month
group by
    moves.month,
    moves.from_stage_code,
    moves.to_stage_code,
    {{ slice_list('moves') }},
    months.is_month_closed,
    months.is_open_month
