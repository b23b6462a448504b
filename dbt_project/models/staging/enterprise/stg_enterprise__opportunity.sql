select
    opportunity_id,
    effective_at,
    customer_id,
    owner_staff_id,
    opportunity_type,
    product_line,
    source_code,
    stage_code,
    line_count,
    expected_amount,
    currency_code,
    probability,
    expected_close_date,
    rival_name,
    rival_contract_end_date,
    created_at
from {{ source('enterprise', 'opportunity') }}
