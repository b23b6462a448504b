-- Each planned act of care in its latest state, with when it was planned and when it ended.
with states as (

    select
        *,
        min(effective_at) over (partition by care_action_id) as planned_at,
        row_number() over (partition by care_action_id order by effective_at desc) as recency
    from {{ ref('stg_marketing__care_action') }}
    where effective_at < {{ as_of_end_at() }}

),

latest as (

    select
        states.*,
        {{ local_date('states.done_at') }} as done_date,
        case when states.outcome_code is not null then states.effective_at end as ended_at
    from states
    where states.recency = 1

)

select
    latest.care_action_id,
    latest.customer_id,
    latest.subscription_id,
    version.subscription_sk,
    coalesce(version.region_id, 'unknown') as region_id,
    latest.staff_id,
    latest.action_type,
    latest.planned_at,
    latest.planned_date,
    latest.ended_at,
    latest.done_at,
    coalesce(latest.outcome_code, 'planned') as outcome_code,
    coalesce(latest.outcome_code, 'planned') = 'done' as is_done,
    latest.outcome_code is null and latest.planned_date < as_of.as_of_date as is_overdue,
    {{ dbt.datediff('latest.planned_date', 'latest.done_date', 'day') }} as delay_days -- noqa: LT05
from latest
cross join {{ ref('int_as_of_date') }} as as_of
left join {{ ref('dim_subscription') }} as version
    on latest.subscription_id = version.subscription_id and {{ version_at('version', 'latest.planned_at') }}
