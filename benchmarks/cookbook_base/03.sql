with exits as (
    select
        subscription_id,
        occurred_at,
        occurred_date,
        churn_type,
        reason_code,
        other_operator
    from marts.fct_subscription_event
    where churn_type is not null
        and occurred_date > (select as_of_date - interval '12 months' from marts.publication where is_current)
),

carried as (
    select distinct on (exits.subscription_id, exits.occurred_at)
        exits.subscription_id,
        exits.occurred_at,
        porting.rival_name
    from exits
    inner join marts.fct_porting as porting using (subscription_id)
    where exits.churn_type = 'voluntary'
        and porting.direction = 'out'
        and porting.status_code = 'completed'
        and (porting.completed_at at time zone 'Asia/Shanghai')::date
        between exits.occurred_date - 7 and exits.occurred_date
    order by exits.subscription_id, exits.occurred_at, porting.completed_at desc, porting.porting_id
)

select
    exits.churn_type,
    coalesce(reason.reason_name, 'not stated') as stated_reason,
    coalesce(carried.rival_name, exits.other_operator, 'not known') as went_to,
    count(*) as exits,
    round(count(*) / sum(count(*)) over (), 4) as share
from exits
left join carried using (subscription_id, occurred_at)
left join reference.churn_reason as reason using (reason_code)
group by 1, 2, 3
order by exits desc, 1, 2, 3
