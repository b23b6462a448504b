{{ config(pre_hook=large_memory()) }}

-- Days in a row without use of lines whose use is metered, and contacts with rivals. Before usage was delivered, and
-- before a stay began, nobody is taken to have been silent.
with usage_start as (

    select min(complete_from_date) as complete_from_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'usage' and entity_name = 'usage_event'
    having min(complete_from_date) is not null

),

metered as (

    select version.subscription_id
    from {{ ref('dim_subscription') }} as version
    inner join {{ ref('service_capability') }} as capability
        on version.service_line = capability.service_line
            and (capability.is_voice_capable or capability.is_data_capable)
    where version.is_current

),

marks as (

    select
        metered.subscription_id,
        activity.activity_date as mark_date
    from {{ ref('int_activity_day') }} as activity
    inner join metered
        on activity.subscription_id = metered.subscription_id
    where activity.is_usage_day

    union

    select
        metered.subscription_id,
        greatest(
            {{ date_plus(local_date('presence.joined_at'), -1) }},
            {{ date_plus('usage_start.complete_from_date', -1) }}
        ) as mark_date
    from {{ ref('int_subscription_presence') }} as presence
    inner join metered
        on presence.subscription_id = metered.subscription_id
    cross join usage_start

),

silences as (

    select
        subscription_id,
        mark_date,
        lead(mark_date) over (partition by subscription_id order by mark_date) as next_date
    from marks

)

select
    silences.subscription_id,
    rule.signal_code,
    {{ date_plus('silences.mark_date', 'cast(rule.threshold_value as integer)') }} as from_date,
    {{ date_plus('silences.next_date', -1) }} as to_date,
    'No use since ' || cast({{ date_plus('silences.mark_date', 1) }} as {{ dbt.type_string() }}) as evidence
from silences
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'zero_use'
where silences.next_date is null
    or silences.next_date > {{ date_plus('silences.mark_date', 'cast(rule.threshold_value as integer)') }}

union all

select
    contact.subscription_id,
    contact.signal_code,
    contact.usage_date as from_date,
    {{ date_plus('contact.usage_date', 'rule.window_days - 1') }} as to_date,
    case when contact.signal_code = 'rival_hotline' then 'Called ' else 'Used the access of ' end
    || contact.rival_name || ' on ' || cast(contact.usage_date as {{ dbt.type_string() }}) as evidence
from {{ ref('int_rival_contact_day') }} as contact
inner join {{ ref('churn_signal') }} as rule
    on contact.signal_code = rule.signal_code
