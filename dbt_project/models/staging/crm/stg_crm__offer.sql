select
    offer_id,
    effective_at,
    offer_name,
    offer_type,
    brand_name,
    service_line,
    plan_type,
    monthly_fee_amount,
    currency_code,
    contract_term_months
from {{ source('crm', 'offer') }}
