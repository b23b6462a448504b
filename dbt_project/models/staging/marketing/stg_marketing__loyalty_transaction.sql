select
    movement.loyalty_transaction_id,
    movement.customer_id,
    movement.subscription_id,
    movement.occurred_at,
    {{ local_date('movement.occurred_at') }} as occurred_date,
    movement.transaction_type,
    movement.points,
    movement.expires_on_date,
    movement.reason_code,
    load.business_date as _business_date
from {{ source('marketing', 'loyalty_transaction') }} as movement
inner join {{ source('ops', 'load') }} as load on movement._load_id = load.load_id
