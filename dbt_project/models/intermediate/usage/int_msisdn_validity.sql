{{ with_known_intervals('subscription_id', ['msisdn_token', 'subscription_sk'], is_first='false') }}

-- Which subscription version held a number, and when. A number is nobody's after termination, until it is given out
-- again; where deliveries overlap, the later holder has it. Usage outside every validity stays unresolved.
with held as (

    select
        version.msisdn_token,
        version.subscription_id,
        version.subscription_sk,
        greatest(version.valid_from_at, lifetime.activated_at) as valid_from_at,
        least(version.valid_to_at, coalesce(lifetime.terminated_at, {{ end_of_time() }})) as valid_to_at
    from {{ ref('dim_subscription') }} as version
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on version.subscription_id = lifetime.subscription_id
    where version.msisdn_token is not null

)

select
    msisdn_token,
    subscription_id,
    subscription_sk,
    valid_from_at,
    least(
        valid_to_at,
        coalesce(
            lead(valid_from_at) over (
                partition by msisdn_token order by valid_from_at, subscription_id, valid_to_at
            ),
            valid_to_at
        )
    ) as valid_to_at
from held
where valid_from_at < valid_to_at
