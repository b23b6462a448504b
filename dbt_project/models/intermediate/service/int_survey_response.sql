-- Answers to surveys up to the as-of date, with the contact that each is about: the last answered one through the
-- channel asked about, of the same subscription, not too long before. The slice is as for contacts.
with dated as (

    select
        response.*,
        {{ local_date('response.responded_at') }} as responded_date
    from {{ ref('stg_care__survey_response') }} as response
    where response.responded_at < {{ as_of_end_at() }}

),

posted as (

    select
        dated.*,
        {{ known_date('dated.responded_date', 'dated') }} as known_date,
        {{ month_of('dated.responded_date') }} as responded_month
    from dated

),

contacts as (

    select
        posted.survey_response_id,
        contact.interaction_id,
        contact.direction,
        contact.topic_code,
        contact.queue_code,
        contact.staff_id,
        row_number() over (
            partition by posted.survey_response_id order by contact.started_at desc, contact.interaction_id desc
        ) as recency
    from posted
    inner join {{ ref('int_interaction') }} as contact
        on posted.subscription_id = contact.subscription_id
            and posted.touchpoint_code = contact.channel_code
            and contact.is_answered
            and contact.started_at <= posted.responded_at
            and contact.started_date >= {{ date_plus('posted.responded_date', -1 * var('survey_match_days')) }}

)

select
    posted.survey_response_id,
    posted.subscription_id,
    version.subscription_sk,
    posted.customer_id,
    coalesce(customer.customer_type, 'unknown') as customer_type,
    posted.survey_type,
    posted.touchpoint_code,
    posted.responded_at,
    posted.responded_date,
    {{ posted_month('posted.responded_date', 'posted.known_date') }} as posted_month,
    {{ contact_slice() }},
    contacts.interaction_id,
    coalesce(contacts.direction, 'unknown') as direction,
    coalesce(contacts.topic_code, 'unknown') as topic_code,
    coalesce(contacts.queue_code, 'unknown') as queue_code,
    contacts.staff_id,
    posted.score,
    case
        when posted.survey_type = 'csat' then posted.score between 1 and 5
        else posted.score between 0 and 10
    end as is_on_scale
from posted
left join contacts
    on posted.survey_response_id = contacts.survey_response_id and contacts.recency = 1
left join {{ ref('dim_subscription') }} as version
    on posted.subscription_id = version.subscription_id and {{ version_at('version', 'posted.responded_at') }}
left join {{ ref('dim_customer') }} as customer
    on posted.customer_id = customer.customer_id and {{ version_at('customer', 'posted.responded_at') }}
left join {{ ref('subscription_monthly') }} as monthly
    on posted.subscription_id = monthly.subscription_id and posted.responded_month = monthly.month
