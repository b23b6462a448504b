-- A version ends when the subscription changes, or when its main offer moves to another brand, line or plan type.
{% set attributes = [
    'customer_id',
    'user_customer_id',
    'account_id',
    'region_id',
    'channel_id',
    'main_offer_id',
    'msisdn_token',
    'activated_at',
    'predecessor_subscription_id'
] %}
{{ with_known_intervals(
    'subscription_id', ['subscription_sk'] + attributes + ['brand_name', 'service_line', 'plan_type']
) }}
with subscription_history as (

    {{ entity_history(
        ref('stg_crm__subscription'), 'subscription_id', attributes, first_from='least(effective_at, activated_at)'
    ) }}

),

offer_history as (

    {{ entity_history(ref('stg_crm__offer'), 'offer_id', ['brand_name', 'service_line', 'plan_type']) }}

),

combined as (

    select
        subscription.subscription_id,
        {% for attribute in attributes -%}
            subscription.{{ attribute }},
        {% endfor -%}
        coalesce(offer.brand_name, 'unknown') as brand_name,
        coalesce(offer.service_line, 'unknown') as service_line,
        coalesce(offer.plan_type, 'unknown') as plan_type,
        greatest(subscription.valid_from_at, offer.valid_from_at) as valid_from_at,
        least(subscription.valid_to_at, offer.valid_to_at) as valid_to_at,
        subscription.is_current and coalesce(offer.is_current, true) as is_current
    from subscription_history as subscription
    left join offer_history as offer
        on subscription.main_offer_id = offer.offer_id
            and subscription.valid_from_at < offer.valid_to_at
            and subscription.valid_to_at > offer.valid_from_at

)

select
    {{ surrogate_key(['subscription_id', instant_key('valid_from_at')]) }} as subscription_sk,
    subscription_id,
    {{ attributes | join(',\n    ') }},
    brand_name,
    service_line,
    plan_type,
    cast(row_number() over (partition by subscription_id order by valid_from_at) as integer) as version_number,
    valid_from_at,
    valid_to_at,
    is_current
from combined
