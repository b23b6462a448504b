-- The latest delivered state of each relation; its own dates say when it held.
with history as (

    {{ entity_history(
        ref('stg_crm__customer_relation'),
        'relation_id',
        ['from_customer_id', 'to_customer_id', 'relation_type', 'valid_from_date', 'valid_to_date']
    ) }}

)

select
    history.relation_id,
    history.from_customer_id,
    history.to_customer_id,
    history.relation_type,
    history.valid_from_date,
    history.valid_to_date,
    history.valid_from_date <= as_of.as_of_date
    and (history.valid_to_date is null or history.valid_to_date > as_of.as_of_date) as is_current
from history
cross join {{ ref('int_as_of_date') }} as as_of
where history.is_current
