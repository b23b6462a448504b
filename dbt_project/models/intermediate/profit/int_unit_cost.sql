-- What one unit cost, and when.
{{ entity_history(ref('stg_finance__unit_cost'), 'unit_cost_code', ['amount', 'currency_code']) }}
