select
    contact.campaign_contact_id,
    contact.campaign_id,
    contact.subscription_id,
    contact.assigned_at,
    contact.assigned_date,
    contact.is_control,
    contact.contacted_at,
    contact.delivery_code,
    contact.response_code,
    contact.responded_at,
    outcome.window_end_date,
    outcome.is_window_complete,
    outcome.outcome_code,
    outcome.has_outcome,
    contact.cost_amount,
    contact.currency_code
from {{ ref('stg_marketing__campaign_contact') }} as contact
inner join {{ ref('int_campaign_outcome') }} as outcome
    on contact.campaign_contact_id = outcome.campaign_contact_id
