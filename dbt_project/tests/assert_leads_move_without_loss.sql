-- In every open stage what was there, plus what came, less what left, is there at the end, and is the next opening;
-- over all stages only decisions take leads out.
with stages as (

    select
        month,
        status_code in ('converted', 'lost') as is_decision,
        status_code,
        sum(opening_count) as opening_count,
        sum(created_count + reopened_count) as new_count,
        sum(entered_count) as entered_count,
        sum(left_count) as left_count,
        sum(closing_count) as closing_count
    from {{ ref('lead_funnel_monthly') }}
    group by month, status_code

),

wrong_stages as (

    select
        stages.month,
        stages.status_code
    from stages
    left join stages as previous
        on stages.month = {{ date_plus('previous.month', 1, 'month') }} and stages.status_code = previous.status_code
    where not stages.is_decision
        and (
            stages.opening_count + stages.entered_count - stages.left_count <> stages.closing_count
            or stages.opening_count <> coalesce(previous.closing_count, stages.opening_count)
        )

),

wrong_months as (

    select
        month,
        'all' as status_code
    from stages
    group by month
    having sum(case when is_decision then -entered_count else opening_count - closing_count end) + sum(new_count) <> 0

)

select * from wrong_stages
union all
select * from wrong_months
