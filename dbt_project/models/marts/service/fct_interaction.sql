select
    contact.interaction_id,
    contact.customer_id,
    contact.customer_type,
    contact.subscription_id,
    contact.subscription_sk,
    contact.started_at,
    contact.started_date,
    contact.posted_month,
    {{ slice_list('contact') }},
    contact.channel_code,
    contact.direction,
    contact.topic_code,
    contact.queue_code,
    contact.answered_at,
    contact.ended_at,
    contact.wait_seconds,
    contact.handle_seconds,
    contact.is_answered,
    not contact.is_answered as is_abandoned,
    contact.is_answered_in_time,
    contact.is_inbound_call,
    contact.is_resolved,
    contact.staff_id,
    issue.issue_month,
    not issue.is_repeated as is_settled_at_first_contact
from {{ ref('int_interaction') }} as contact
left join {{ ref('int_contact_issue') }} as issue
    on contact.interaction_id = issue.interaction_id
