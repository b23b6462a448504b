-- A day that has lifetime values has one for every line that has a churn score, and customers add up to their lines.
with valued as (

    select
        as_of_date,
        subscription_id
    from {{ ref('stg_scores__subscription_lifetime_value') }}

),

days as (

    select distinct as_of_date from valued

),

scored as (

    select
        score.as_of_date,
        score.subscription_id
    from {{ ref('churn_score') }} as score
    inner join days
        on score.as_of_date = days.as_of_date

),

sums as (

    select
        as_of_date,
        sum(value_amount) as value_amount
    from {{ ref('stg_scores__subscription_lifetime_value') }}
    where customer_id not like 'erased-%'
    group by as_of_date

),

customer_sums as (

    select
        as_of_date,
        sum(value_amount) as value_amount
    from {{ ref('customer_lifetime_value') }}
    group by as_of_date

)

select
    coalesce(valued.as_of_date, scored.as_of_date) as as_of_date,
    coalesce(valued.subscription_id, scored.subscription_id) as subscription_id
from valued
full outer join scored
    on valued.as_of_date = scored.as_of_date and valued.subscription_id = scored.subscription_id
where (valued.subscription_id is null or scored.subscription_id is null)
    and coalesce(valued.subscription_id, scored.subscription_id) not like 'erased-%'

union all

select
    coalesce(sums.as_of_date, customer_sums.as_of_date) as as_of_date,
    'all' as subscription_id
from sums
full outer join customer_sums
    on sums.as_of_date = customer_sums.as_of_date
where sums.value_amount is distinct from customer_sums.value_amount
