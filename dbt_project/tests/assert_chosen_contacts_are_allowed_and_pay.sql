-- Nobody is contacted who may not be, twice, or for more than it earns.
with judged as (

    select
        response.as_of_date,
        response.subscription_id,
        response.is_contactable,
        response.increment_amount,
        response.contact_cost_amount,
        count(*) over (partition by response.as_of_date, response.subscription_id) as contact_count
    from {{ ref('offer_response') }} as response
    where response.is_chosen

)

select *
from judged
where not is_contactable or contact_count > 1 or coalesce(increment_amount <= contact_cost_amount, true)
