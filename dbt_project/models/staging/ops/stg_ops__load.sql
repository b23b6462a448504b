select
    load_id,
    source_name,
    entity_name,
    file_name,
    business_date,
    coalesce(period_from, business_date) as period_from,
    coalesce(period_to, business_date) as period_to,
    row_count,
    landed_count,
    rejected_count,
    duplicate_count
from {{ source('ops', 'load') }}
where status = 'landed'
