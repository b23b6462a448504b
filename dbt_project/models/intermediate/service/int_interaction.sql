-- Contacts up to the as-of date with their queue, the month they count in and what they are about. The slice is that of
-- the subscription as the month of the contact ends; for a line that is not in that month, the version at the contact
-- and no tier; for a contact about no line, the customer's region only.
with dated as (

    select
        interaction.*,
        {{ local_date('interaction.started_at') }} as started_date
    from {{ ref('stg_care__interaction') }} as interaction
    where interaction.started_at < {{ as_of_end_at() }}

),

posted as (

    select
        dated.*,
        {{ known_date('dated.started_date', 'dated') }} as known_date,
        {{ month_of('dated.started_date') }} as contact_month
    from dated

)

select
    posted.interaction_id,
    posted.customer_id,
    posted.subscription_id,
    version.subscription_sk,
    coalesce(customer.customer_type, 'unknown') as customer_type,
    posted.started_at,
    posted.started_date,
    posted.known_date,
    posted.contact_month,
    {{ posted_month('posted.started_date', 'posted.known_date') }} as posted_month,
    {{ contact_slice() }},
    posted.channel_code,
    posted.direction,
    posted.topic_code,
    case
        when posted.direction = 'outbound' then 'outbound'
        else coalesce(route.queue_code, 'unknown')
    end as queue_code,
    posted.answered_at,
    posted.ended_at,
    posted.wait_seconds,
    posted.handle_seconds,
    posted.answered_at is not null as is_answered,
    case
        when posted.direction = 'inbound'
            then coalesce(posted.answered_at is not null and posted.wait_seconds <= queue.answer_limit_seconds, false)
    end as is_answered_in_time,
    posted.direction = 'inbound' and coalesce(queue.is_call_queue, false) as is_inbound_call,
    posted.is_resolved,
    posted.staff_id
from posted
left join {{ ref('dim_subscription') }} as version
    on posted.subscription_id = version.subscription_id and {{ version_at('version', 'posted.started_at') }}
left join {{ ref('dim_customer') }} as customer
    on posted.customer_id = customer.customer_id and {{ version_at('customer', 'posted.started_at') }}
left join {{ ref('subscription_monthly') }} as monthly
    on posted.subscription_id = monthly.subscription_id and posted.contact_month = monthly.month
left join {{ ref('service_queue_route') }} as route
    on posted.channel_code = route.channel_code
        and posted.topic_code = route.topic_code
        and posted.direction = 'inbound'
left join {{ ref('service_queue') }} as queue
    on route.queue_code = queue.queue_code
