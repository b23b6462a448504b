-- Lines that left stay in E for twelve month ends; they have no row in the months that follow.
with period as (
    select (date_trunc('month', as_of_date) - interval '1 month')::date as month
    from marts.publication
    where is_current
),

before as (
    select distinct on (line.subscription_id)
        line.subscription_id,
        line.is_closing,
        line.month = (period.month - interval '12 months')::date as is_oldest
    from marts.subscription_monthly as line
    inner join period on line.month < period.month and line.month >= (period.month - interval '12 months')::date
    order by line.subscription_id, line.month desc
),

now as (
    select
        line.subscription_id,
        line.lifecycle_stage_code,
        line.opening_lifecycle_stage_code
    from marts.subscription_monthly as line
    inner join period using (month)
),

moves as (
    select
        coalesce(
            now.opening_lifecycle_stage_code, case when before.subscription_id is not null then 'E' else 'new' end
        ) as from_stage_code,
        coalesce(now.lifecycle_stage_code, case when before.is_oldest then 'aged_out' else 'E' end) as to_stage_code
    from before
    full join now using (subscription_id)
)

select
    from_stage_code,
    to_stage_code,
    count(*) as lines,
    round(count(*) / sum(count(*)) over (partition by from_stage_code), 4) as share_of_stage
from moves
group by from_stage_code, to_stage_code
order by from_stage_code, to_stage_code
