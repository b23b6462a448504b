select
    campaign_id,
    effective_at,
    campaign_name,
    objective_code,
    channel_code,
    offer_id,
    start_date,
    end_date,
    budget_amount,
    unit_cost_amount,
    currency_code,
    control_share
from {{ source('marketing', 'campaign') }}
