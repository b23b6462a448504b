-- Contracts and extra offers in force at the end of each feature date, as they were known then.
with contracts as (

    select
        subject.as_of_date,
        subject.subscription_id,
        max(contract.term_months) as contract_term_months,
        max(contract.end_date) as contract_end_date,
        count(*) as contract_count
    from {{ ref('int_feature_subject') }} as subject
    inner join {{ ref('int_contract_history') }} as contract
        on subject.subscription_id = contract.subscription_id
            and contract.valid_from_at < subject.as_of_end_at
            and contract.valid_to_at >= subject.as_of_end_at
            and contract.start_date <= subject.as_of_date
            and (contract.end_date is null or contract.end_date >= subject.as_of_date)
    group by subject.as_of_date, subject.subscription_id

),

past_contracts as (

    select
        subject.as_of_date,
        subject.subscription_id,
        max(contract.end_date) as last_contract_end_date
    from {{ ref('int_feature_subject') }} as subject
    inner join {{ ref('int_contract_history') }} as contract
        on subject.subscription_id = contract.subscription_id
            and contract.valid_from_at < subject.as_of_end_at
            and contract.valid_to_at >= subject.as_of_end_at
            and contract.end_date < subject.as_of_date
    group by subject.as_of_date, subject.subscription_id

),

offers as (

    select
        subject.as_of_date,
        subject.subscription_id,
        offer.offer_id,
        offer.offer_type,
        offer.service_line,
        max(offer.monthly_fee_amount) as monthly_fee_amount
    from {{ ref('int_feature_subject') }} as subject
    inner join {{ ref('int_subscribed_offer_history') }} as held
        on subject.subscription_id = held.subscription_id
            and held.valid_from_at < subject.as_of_end_at
            and held.valid_to_at >= subject.as_of_end_at
            and held.started_at < subject.as_of_end_at
            and (held.ended_at is null or held.ended_at >= subject.as_of_end_at)
    inner join {{ ref('dim_offer') }} as offer
        on held.offer_id = offer.offer_id and {{ version_before('offer', 'subject.as_of_end_at') }}
    where offer.offer_type <> 'main'
    group by subject.as_of_date, subject.subscription_id, offer.offer_id, offer.offer_type, offer.service_line

),

extras as (

    select
        as_of_date,
        subscription_id,
        count(*) filter (where offer_type = 'addon') as addon_count,
        count(*) filter (where offer_type = 'bundle') as bundle_count,
        {%- for line in ['mobile', 'broadband', 'iptv', 'iot', 'fixed'] %}
            {{ dbt.bool_or("offer_type = 'addon' and service_line = '" ~ line ~ "'") }} as has_{{ line }}_addon,
        {%- endfor %}
        sum(monthly_fee_amount) as extra_fee_amount,
        {{ dbt.listagg('offer_id', "'|'", 'order by offer_id') }} as extra_offer_ids
    from offers
    group by as_of_date, subscription_id

)

select
    subject.as_of_date,
    subject.subscription_id,
    contracts.subscription_id is not null as has_contract,
    contracts.contract_term_months,
    contracts.contract_end_date,
    past_contracts.last_contract_end_date,
    coalesce(extras.addon_count, 0) as addon_count,
    coalesce(extras.bundle_count, 0) as bundle_count,
    {%- for line in ['mobile', 'broadband', 'iptv', 'iot', 'fixed'] %}
        coalesce(extras.has_{{ line }}_addon, false) as has_{{ line }}_addon,
    {%- endfor %}
    coalesce(extras.extra_fee_amount, 0) as extra_fee_amount,
    coalesce(extras.extra_offer_ids, '') as extra_offer_ids
from {{ ref('int_feature_subject') }} as subject
left join contracts
    on subject.as_of_date = contracts.as_of_date and subject.subscription_id = contracts.subscription_id
left join past_contracts
    on subject.as_of_date = past_contracts.as_of_date and subject.subscription_id = past_contracts.subscription_id
left join extras
    on subject.as_of_date = extras.as_of_date and subject.subscription_id = extras.subscription_id
