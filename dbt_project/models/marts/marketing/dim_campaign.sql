with ranked as (

    select
        *,
        row_number() over (partition by campaign_id order by effective_at desc) as recency
    from {{ ref('stg_marketing__campaign') }}
    where effective_at < {{ as_of_end_at() }}

)

select
    campaign_id,
    campaign_name,
    objective_code,
    channel_code,
    offer_id,
    start_date,
    end_date,
    budget_amount,
    unit_cost_amount,
    currency_code,
    control_share
from ranked
where recency = 1
