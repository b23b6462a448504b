with today as (
    select as_of_date, (as_of_date + 1)::timestamp at time zone 'Asia/Shanghai' as end_at
    from marts.publication
    where is_current
),

latest as (
    select distinct on (state.opportunity_id) state.*
    from staging.stg_enterprise__opportunity as state
    inner join today on state.effective_at < today.end_at
    order by state.opportunity_id, state.effective_at desc
)

select
    latest.stage_code,
    latest.currency_code,
    count(*) as opportunities,
    sum(latest.expected_amount) as open_amount,
    sum(round(latest.expected_amount * stage.win_probability, 2)) as weighted_amount,
    count(*) filter (where latest.expected_close_date < today.as_of_date) as overdue
from latest
cross join today
inner join reference.opportunity_stage as stage using (stage_code)
where stage.is_open
group by latest.stage_code, stage.stage_rank, latest.currency_code
order by stage.stage_rank, latest.currency_code
