-- Contacts answered or begun by somebody, and acts of care that ended: in the facts, and over all people.
with people as (

    select
        coalesce(sum(handled_count + outbound_count), 0) as contact_count,
        coalesce(sum(care_ended_count), 0) as care_count
    from {{ ref('staff_performance_monthly') }}

),

contacts as (

    select count(*) as contact_count
    from {{ ref('fct_interaction') }}
    where staff_id is not null and (is_answered or direction = 'outbound')

),

care as (

    select count(distinct action.care_action_id) as care_count
    from {{ ref('stg_marketing__care_action') }} as action
    where action.outcome_code is not null and action.effective_at < {{ as_of_end_at() }}

)

select
    people.contact_count as staff_contact_count,
    contacts.contact_count,
    people.care_count as staff_care_count,
    care.care_count
from people
cross join contacts
cross join care
where people.contact_count <> contacts.contact_count or people.care_count <> care.care_count
