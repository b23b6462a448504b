-- Times that a lead stood in one stage, one after another. A change of anything but the status does not end a stage;
-- the first stage began when the lead was registered. Where it is told apart by region, channel, source and interest,
-- the latest known ones count for its whole life.
with history as (

    {{ entity_history(
        ref('stg_marketing__lead'),
        'lead_id',
        ['region_id', 'channel_id', 'source_code', 'product_interest_code', 'status_code', 'created_at'],
        first_from='least(created_at, effective_at)'
    ) }}

),

changes as (

    select
        lead_id,
        status_code,
        valid_from_at,
        version_number,
        lag(status_code) over (partition by lead_id order by version_number) as previous_status_code
    from history

),

stages as (

    select
        lead_id,
        status_code,
        previous_status_code,
        valid_from_at as entered_at,
        lead(valid_from_at) over (partition by lead_id order by version_number) as left_at,
        lead(status_code) over (partition by lead_id order by version_number) as next_status_code
    from changes
    where previous_status_code is null or previous_status_code <> status_code

)

select
    stages.lead_id,
    latest.region_id,
    coalesce(latest.channel_id, 'unknown') as channel_id,
    latest.source_code,
    coalesce(latest.product_interest_code, 'unknown') as product_interest_code,
    stages.status_code,
    stage.stage_rank,
    stage.is_open,
    stages.previous_status_code,
    stages.next_status_code,
    stages.entered_at,
    stages.left_at,
    {{ local_date('stages.entered_at') }} as entered_date,
    {{ local_date('stages.left_at') }} as left_date
from stages
inner join history as latest
    on stages.lead_id = latest.lead_id and latest.is_current
inner join {{ ref('lead_stage') }} as stage
    on stages.status_code = stage.status_code
