{{ entity_history(
    ref('stg_crm__contract'), 'contract_id', ['subscription_id', 'start_date', 'end_date', 'term_months']
) }}
