select
    relation_id,
    effective_at,
    from_customer_id,
    to_customer_id,
    relation_type,
    valid_from_date,
    valid_to_date
from {{ source('crm', 'customer_relation') }}
