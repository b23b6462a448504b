-- The latest delivered state of each holding, with the order it came from: the one for the same offer and subscription
-- that was carried out last before it began.
with orders as (

    select
        held.subscribed_offer_id,
        ordered.order_id,
        row_number() over (
            partition by held.subscribed_offer_id order by ordered.completed_at desc, ordered.order_id asc
        ) as choice
    from {{ ref('int_subscribed_offer_history') }} as held
    inner join {{ ref('stg_crm__order') }} as ordered
        on held.subscription_id = ordered.subscription_id
            and held.offer_id = ordered.offer_id
            and held.started_at >= ordered.completed_at
    where held.is_current and ordered.status_code = 'completed' and ordered.effective_at < {{ as_of_end_at() }}

),

offers as (

    select
        offer_id,
        offer_type
    from {{ ref('dim_offer') }}
    where is_current

)

select
    held.subscribed_offer_id,
    held.subscription_id,
    held.offer_id,
    offers.offer_type,
    orders.order_id,
    held.started_at as valid_from_at,
    coalesce(held.ended_at, {{ end_of_time() }}) as valid_to_at,
    held.started_at < {{ as_of_end_at() }}
    and (held.ended_at is null or held.ended_at >= {{ as_of_end_at() }}) as is_current
from {{ ref('int_subscribed_offer_history') }} as held
left join offers
    on held.offer_id = offers.offer_id
left join orders
    on held.subscribed_offer_id = orders.subscribed_offer_id and orders.choice = 1
where held.is_current
