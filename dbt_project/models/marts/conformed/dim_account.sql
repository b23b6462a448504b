{%- set attributes = [
    'customer_id',
    'currency_code',
    'payment_method',
    'is_paperless',
    'billed_to_date_amount'
] -%}
{{ with_known_intervals('account_id', ['customer_id', 'currency_code']) }}
with history as (

    {{ entity_history(ref('stg_crm__account'), 'account_id', attributes) }}

)

select
    {{ surrogate_key(['account_id', instant_key('valid_from_at')]) }} as account_sk,
    account_id,
    {{ attributes | join(',\n    ') }},
    cast(version_number as integer) as version_number,
    valid_from_at,
    valid_to_at,
    is_current
from history
