-- The last contact of each subscription by a campaign, and how many it had lately: what the contact limit is held
-- against. Controls were never contacted.
with as_of as (

    select
        as_of_date,
        as_of_end_at
    from {{ ref('int_as_of_date') }}

),

ranked_contacts as (

    select
        contact.subscription_id,
        contact.campaign_id,
        {{ local_date('contact.contacted_at') }} as contact_date,
        contact.response_code,
        {{ local_date('contact.contacted_at') }} > {{ date_plus('as_of.as_of_date', -30) }} as is_recent,
        row_number() over (
            partition by contact.subscription_id order by contact.contacted_at desc, contact.campaign_contact_id desc
        ) as recency
    from {{ ref('stg_marketing__campaign_contact') }} as contact
    inner join as_of
        on contact.contacted_at < as_of.as_of_end_at
    where not contact.is_control

)

select
    subscription_id,
    max(case when recency = 1 then campaign_id end) as last_campaign_id,
    max(case when recency = 1 then contact_date end) as last_campaign_date,
    max(case when recency = 1 then response_code end) as last_campaign_response_code,
    count(*) filter (where is_recent) as recent_contact_count
from ranked_contacts
group by subscription_id
