select
    unit_cost_code,
    effective_at,
    service_type,
    unit_name,
    amount,
    currency_code
from {{ source('finance', 'unit_cost') }}
