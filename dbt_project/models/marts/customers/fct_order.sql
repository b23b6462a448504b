-- Each order in its latest status, with the version of the subscription it made or changed.
with ranked as (

    select
        *,
        row_number() over (partition by order_id order by effective_at desc) as recency
    from {{ ref('stg_crm__order') }}
    where effective_at < {{ as_of_end_at() }}

),

dated as (

    select
        ranked.*,
        case when ranked.status_code = 'cancelled' then ranked.effective_at end as cancelled_at,
        coalesce(
            ranked.completed_at, case when ranked.status_code = 'cancelled' then ranked.effective_at end
        ) as decided_at
    from ranked
    where ranked.recency = 1

)

select
    dated.order_id,
    dated.order_type,
    dated.status_code,
    dated.customer_id,
    dated.subscription_id,
    version.subscription_sk,
    dated.channel_id,
    dated.staff_id,
    dated.offer_id,
    dated.opportunity_id,
    dated.placed_at,
    {{ local_date('dated.placed_at') }} as placed_date,
    dated.completed_at,
    dated.cancelled_at,
    cast(
        extract(epoch from dated.decided_at - dated.placed_at) as bigint
    ) as handling_seconds
from dated
left join {{ ref('dim_subscription') }} as version
    on dated.subscription_id = version.subscription_id
        and {{ version_at('version', 'coalesce(dated.decided_at, dated.placed_at)') }}
