with ranked as (

    select
        *,
        row_number() over (partition by channel_id order by effective_at desc) as recency
    from {{ ref('stg_crm__channel') }}
    where effective_at < {{ as_of_end_at() }}

)

select
    channel_id,
    channel_name,
    channel_type
from ranked
where recency = 1
