{%- set attributes = [
    'offer_name',
    'offer_type',
    'brand_name',
    'service_line',
    'plan_type',
    'monthly_fee_amount',
    'currency_code',
    'contract_term_months'
] -%}
with history as (

    {{ entity_history(ref('stg_crm__offer'), 'offer_id', attributes) }}

)

select
    {{ surrogate_key(['offer_id', instant_key('valid_from_at')]) }} as offer_sk,
    offer_id,
    {{ attributes | join(',\n    ') }},
    cast(version_number as integer) as version_number,
    valid_from_at,
    valid_to_at,
    is_current
from history
