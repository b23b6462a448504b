select
    contract_id,
    effective_at,
    subscription_id,
    start_date,
    end_date,
    term_months
from {{ source('crm', 'contract') }}
