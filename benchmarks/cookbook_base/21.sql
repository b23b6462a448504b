with today as (
    select as_of_date, (as_of_date + 1)::timestamp at time zone 'Asia/Shanghai' as end_at
    from marts.publication
    where is_current
),

opportunities as (
    select distinct on (state.opportunity_id) state.*
    from staging.stg_enterprise__opportunity as state
    inner join today on state.effective_at < today.end_at
    order by state.opportunity_id, state.effective_at desc
),

members as (
    select distinct on (state.group_member_id) state.*
    from staging.stg_enterprise__group_member as state
    inner join today on state.effective_at < today.end_at
    order by state.group_member_id, state.effective_at desc
),

known as (
    select
        opportunity.rival_name,
        opportunity.rival_contract_end_date as contract_end_date,
        opportunity.line_count,
        stage.is_open
    from opportunities as opportunity
    inner join reference.opportunity_stage as stage using (stage_code)
    where opportunity.opportunity_type = 'rival_line'

    union all

    select rival_operator as rival_name, rival_contract_end_date as contract_end_date, 1 as line_count, false as is_open
    from members
    where valid_to_date is null and rival_operator is not null
)

select
    date_trunc('month', known.contract_end_date)::date as expiry_month,
    known.rival_name,
    sum(known.line_count) as lines,
    sum(known.line_count) filter (where known.is_open) as lines_in_pipeline
from known
inner join today
    on known.contract_end_date >= today.as_of_date
        and known.contract_end_date < today.as_of_date + interval '6 months'
group by 1, 2
order by 1, 2
