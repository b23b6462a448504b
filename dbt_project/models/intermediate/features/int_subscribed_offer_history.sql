{{ entity_history(
    ref('stg_crm__subscribed_offer'), 'subscribed_offer_id', ['subscription_id', 'offer_id', 'started_at', 'ended_at']
) }}
