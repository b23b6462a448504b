{{ entity_history(
    ref('stg_market__rival_offer'),
    'rival_offer_id',
    [
        'rival_name', 'offer_name', 'service_line', 'plan_type', 'monthly_fee_amount', 'currency_code', 'data_mb',
        'voice_minutes', 'region_id', 'comparable_offer_id'
    ],
    first_from='effective_at'
) }}
