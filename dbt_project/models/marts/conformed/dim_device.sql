-- The latest delivered state of each device.
with history as (

    {{ entity_history(
        ref('stg_crm__device'),
        'device_id',
        ['subscription_id', 'device_type', 'brand_name', 'model_name', 'is_5g', 'is_instalment', 'first_used_date']
    ) }}

)

select
    device_id,
    subscription_id,
    device_type,
    brand_name as device_brand_name,
    model_name,
    is_5g,
    is_instalment,
    first_used_date,
    row_number() over (
        partition by subscription_id, device_type order by first_used_date desc, device_id desc
    ) = 1 as is_latest
from history
where is_current
