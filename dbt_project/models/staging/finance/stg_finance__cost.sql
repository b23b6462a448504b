select
    cost.cost_id,
    cost.cost_month,
    cost.cost_type,
    cost.region_id,
    cost.channel_id,
    cost.subscription_id,
    cost.campaign_id,
    cost.amount,
    cost.currency_code,
    cost.booked_at,
    load.business_date as _business_date
from {{ source('finance', 'cost') }} as cost
inner join {{ source('ops', 'load') }} as load on cost._load_id = load.load_id
