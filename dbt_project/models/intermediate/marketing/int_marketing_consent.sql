-- What each customer allows marketing to use, as last said before the end of the as-of date; null where nothing was
-- ever said, which is not a yes.
{%- set channels = ['sms', 'call', 'app', 'email'] %}
with consent_states as (

    select
        consent.customer_id,
        consent.channel_code,
        consent.is_granted,
        row_number() over (
            partition by consent.customer_id, consent.channel_code
            order by consent.effective_at desc, consent.consent_id desc
        ) as recency
    from {{ ref('stg_crm__consent') }} as consent
    inner join {{ ref('int_as_of_date') }} as as_of
        on consent.effective_at < as_of.as_of_end_at
    where consent.purpose_code = 'marketing'

)

-- What is said of a channel by name goes before what is said of any.
select
    customer_id,
    {%- for channel in channels %}
        coalesce(
            {{ dbt.bool_or("case when channel_code = '" ~ channel ~ "' then is_granted end") }},
            {{ dbt.bool_or("case when channel_code = 'any' then is_granted end") }}
        ) as is_{{ channel }}_allowed,
    {%- endfor %}
    {{ dbt.bool_or("case when channel_code = 'any' then is_granted end") }} as is_any_allowed
from consent_states
where recency = 1
group by customer_id
