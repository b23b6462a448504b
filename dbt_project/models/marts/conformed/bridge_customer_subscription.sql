-- The latest delivered state of each party; its own dates say when it had the role.
with history as (

    {{ entity_history(
        ref('stg_crm__subscription_party'),
        'subscription_party_id',
        ['subscription_id', 'customer_id', 'role_type', 'valid_from_date', 'valid_to_date']
    ) }}

)

select
    history.subscription_party_id,
    history.customer_id,
    history.subscription_id,
    history.role_type,
    history.valid_from_date,
    history.valid_to_date,
    history.valid_from_date <= as_of.as_of_date
    and (history.valid_to_date is null or history.valid_to_date > as_of.as_of_date) as is_current
from history
cross join {{ ref('int_as_of_date') }} as as_of
where history.is_current
