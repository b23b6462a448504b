-- Who belongs to whose calling circle, and since when: another of our lines that it spoke with or wrote to three times.
with counted as (

    select
        subscription_id,
        member_subscription_id,
        usage_date,
        sum(talk_count) over (
            partition by subscription_id, member_subscription_id order by usage_date
        ) as talk_count_to_date
    from {{ ref('int_call_pair_day') }}

)

select
    subscription_id,
    member_subscription_id,
    min(usage_date) as member_from_date
from counted
where talk_count_to_date >= 3
group by subscription_id, member_subscription_id
