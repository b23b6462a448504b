select
    kpi_code,
    effective_at,
    month,
    region_id,
    brand_name,
    service_line,
    plan_type,
    target_value
from {{ source('finance', 'kpi_target') }}
