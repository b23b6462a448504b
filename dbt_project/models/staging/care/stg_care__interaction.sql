select
    interaction.interaction_id,
    interaction.customer_id,
    interaction.subscription_id,
    interaction.channel_code,
    interaction.direction,
    interaction.topic_code,
    interaction.started_at,
    interaction.answered_at,
    interaction.ended_at,
    interaction.wait_seconds,
    interaction.handle_seconds,
    interaction.is_abandoned,
    interaction.is_resolved,
    interaction.staff_id,
    load.business_date as _business_date,
    coalesce(load.period_from, load.business_date) as _period_from
from {{ source('care', 'interaction') }} as interaction
inner join {{ source('ops', 'load') }} as load on interaction._load_id = load.load_id
