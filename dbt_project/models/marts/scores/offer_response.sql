-- What a contact by each campaign would change, as the model says, beside who is to be contacted. Not for people who
-- were erased since.
select
    as_of_date,
    subscription_id,
    campaign_name,
    outcome_code,
    verdict_name,
    cast(uplift_rate as numeric(9, 6)) as uplift_rate,
    is_individual,
    is_contactable,
    cast(outcome_value_amount as numeric(18, 2)) as outcome_value_amount,
    cast(contact_cost_amount as numeric(18, 4)) as contact_cost_amount,
    cast(increment_amount as numeric(18, 2)) as increment_amount,
    currency_code,
    is_chosen,
    reason_text,
    reason_text_zh,
    model_run_id
from {{ ref('stg_scores__offer_response') }}
where subscription_id not like 'erased-%'
