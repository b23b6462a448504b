select
    customer_id,
    effective_at,
    customer_type,
    customer_name_token,
    region_id,
    gender,
    birth_year,
    is_senior,
    has_partner,
    has_dependents
from {{ source('crm', 'customer') }}
