-- On the latest scored day everyone on the network has one score, and nobody else has.
{{ config(tags=['scored']) }}

with latest as (

    select max(as_of_date) as as_of_date
    from {{ ref('churn_score') }}

),

scored as (

    select score.subscription_id
    from {{ ref('churn_score') }} as score
    inner join latest
        on score.as_of_date = latest.as_of_date

),

present as (

    select features.subscription_id
    from {{ ref('subscription_features') }} as features
    inner join latest
        on features.as_of_date = latest.as_of_date

)

select
    scored.subscription_id as scored_subscription_id,
    present.subscription_id as present_subscription_id
from scored
full outer join present
    on scored.subscription_id = present.subscription_id
where scored.subscription_id is null or present.subscription_id is null
