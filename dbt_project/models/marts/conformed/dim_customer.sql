{%- set attributes = [
    'customer_type',
    'customer_name_token',
    'region_id',
    'gender',
    'birth_year',
    'is_senior',
    'has_partner',
    'has_dependents'
] -%}
with history as (

    {{ entity_history(ref('stg_crm__customer'), 'customer_id', attributes) }}

)

select
    {{ surrogate_key(['customer_id', instant_key('valid_from_at')]) }} as customer_sk,
    customer_id,
    {{ attributes | join(',\n    ') }},
    cast(version_number as integer) as version_number,
    valid_from_at,
    valid_to_at,
    is_current
from history
