-- Nothing here happened, or was billed, after as_of_date.
select
    subject.subscription_id,
    subject.as_of_date,
    subject.is_scoring,
    coalesce(
        subject.plan_type = 'prepaid' and usage.days_since_last_activity > {{ var('silent_days_limit') }}, false
    ) as is_silent,
    subject.customer_id,
    subject.region_id,
    coalesce(region.region_name, subject.region_id) as region_name,
    subject.brand_name,
    subject.service_line,
    subject.plan_type,
    subject.main_offer_id,
    channel.channel_type,
    customer.customer_type,
    customer.gender,
    cast(extract(year from subject.as_of_date) - customer.birth_year as integer) as age_years,
    customer.is_senior,
    customer.has_partner,
    customer.has_dependents,
    account.payment_method,
    account.is_paperless,
    cast(subject.tenure_days as integer) as tenure_days,
    subject.is_returning_customer,
    cast(subject.owner_line_count as integer) as owner_line_count,
    cast(subject.account_line_count as integer) as account_line_count,
    offer.monthly_fee_amount,
    holding.has_contract,
    cast(holding.contract_term_months as integer) as contract_term_months,
    {{ dbt.datediff('subject.as_of_date', 'holding.contract_end_date', 'day') }} as contract_days_left, -- noqa: LT05
    case
        when not holding.has_contract
            then {{ dbt.datediff('holding.last_contract_end_date', 'subject.as_of_date', 'day') }}
    end as days_since_contract_end,
    {{ dbt.datediff(
        'subject.as_of_date',
        'case when holding.has_contract then holding.contract_end_date else holding.last_contract_end_date end',
        'day'
    ) }} as contract_end_in_days,
    cast(holding.addon_count as integer) as addon_count,
    cast(holding.bundle_count as integer) as bundle_count,
    {%- for line in ['mobile', 'broadband', 'iptv', 'iot', 'fixed'] %}
        holding.has_{{ line }}_addon,
    {%- endfor %}
    holding.extra_fee_amount,
    holding.extra_offer_ids,
    billing.bill_1_amount as revenue_1_month_amount,
    billing.bill_1_amount + billing.bill_2_amount + billing.bill_3_amount as revenue_3_month_amount,
    cast(
        billing.bill_1_amount * 2 / nullif(billing.bill_2_amount + billing.bill_3_amount, 0) as {{ dbt.type_float() }}
    ) as revenue_trend_ratio,
    cast(
        billing.bill_1_amount * 3 / nullif(billing.bill_2_amount + billing.bill_3_amount + billing.bill_4_amount, 0)
        as {{ dbt.type_float() }}
    ) as bill_shock_ratio,
    billing.usage_charge_amount,
    billing.discount_amount,
    usage.rated_amount_30,
    cast(
        2 * (
            offer.monthly_fee_amount
            + holding.extra_fee_amount
            + billing.plan_discount_amount
            + usage.rated_amount_30
        ) / case
            when billing.bill_1_amount > 0 and billing.bill_2_amount > 0
                then billing.bill_1_amount + billing.bill_2_amount
        end as {{ dbt.type_float() }}
    ) as expected_bill_ratio,
    account.billed_to_date_amount + coalesce(billing.billed_in_history_amount, 0) as billed_to_date_amount,
    {%- for measure in ['voice_seconds', 'data_bytes', 'sms_count', 'event_count'] %}
        {%- for days in [7, 30, 90] %}
            cast(usage.{{ measure }}_{{ days }} as bigint) as {{ measure }}_{{ days }},
        {%- endfor %}
        cast(
            usage.{{ measure }}_30 * 2.0 / nullif(usage.{{ measure }}_90 - usage.{{ measure }}_30, 0)
            as {{ dbt.type_float() }}
        ) as {{ measure }}_trend_ratio,
    {%- endfor %}
    cast(usage_level.usage_level_ratio as {{ dbt.type_float() }}) as usage_level_ratio,
    {%- for days in [30, 60, 90] %}
        cast(usage_level.usage_deviation_{{ days }} as {{ dbt.type_float() }}) as usage_deviation_{{ days }},
    {%- endfor %}
    cast(usage_level.usage_fall_ratio as {{ dbt.type_float() }}) as usage_fall_ratio,
    cast(usage_level.usage_fall_deviation as {{ dbt.type_float() }}) as usage_fall_deviation,
    cast(usage_level.usage_fall_span_count as integer) as usage_fall_span_count,
    cast(usage.roaming_event_count_30 as bigint) as roaming_event_count_30,
    cast(usage.off_net_share_30 as {{ dbt.type_float() }}) as off_net_share_30,
    cast(usage.zero_use_day_count_30 as integer) as zero_use_day_count_30,
    usage.days_since_last_use,
    usage.days_since_last_activity,
    cast(usage.topup_count_30 as integer) as topup_count_30,
    cast(usage.topup_count_90 as integer) as topup_count_90,
    usage.topup_amount_30,
    usage.topup_amount_90,
    usage.days_since_last_topup,
    cast(coalesce(event.suspension_count_90, 0) as integer) as suspension_count_90,
    coalesce(event.last_suspended_at > coalesce(event.last_resumed_at, {{ start_of_time() }}), false) as is_suspended,
    cast(coalesce(event.plan_change_count_90, 0) as integer) as plan_change_count_90,
    cast(coalesce(event.number_change_count_90, 0) as integer) as number_change_count_90,
    cast(coalesce(event.account_change_count_90, 0) as integer) as account_change_count_90,
    cast(coalesce(event.reactivation_count_90, 0) as integer) as reactivation_count_90,
    cast(service.complaint_count_60 as integer) as complaint_count_60,
    cast(service.lowest_satisfaction_score_90 as integer) as lowest_satisfaction_score_90,
    cast(surroundings.outage_days_30 as {{ dbt.type_float() }}) as outage_days_30,
    cast(surroundings.rival_discount_percent as {{ dbt.type_float() }}) as rival_discount_percent,
    cast(surroundings.rival_fee_ratio as {{ dbt.type_float() }}) as rival_fee_ratio,
    cast(coalesce(circle.circle_line_count, 0) as integer) as circle_line_count,
    cast(coalesce(circle.circle_lost_count_60 * 1.0 / circle.circle_line_count, 0) as {{ dbt.type_float() }})
        as circle_lost_share_60
from {{ ref('int_feature_subject') }} as subject
left join {{ ref('dim_region') }} as region
    on subject.region_id = region.region_id
left join {{ ref('dim_channel') }} as channel
    on subject.channel_id = channel.channel_id
left join {{ ref('dim_customer') }} as customer
    on subject.customer_id = customer.customer_id and {{ version_before('customer', 'subject.as_of_end_at') }}
left join {{ ref('dim_account') }} as account
    on subject.account_id = account.account_id and {{ version_before('account', 'subject.as_of_end_at') }}
left join {{ ref('dim_offer') }} as offer
    on subject.main_offer_id = offer.offer_id and {{ version_before('offer', 'subject.as_of_end_at') }}
left join {{ ref('int_feature_holding') }} as holding
    on subject.as_of_date = holding.as_of_date and subject.subscription_id = holding.subscription_id
left join {{ ref('int_feature_billing') }} as billing
    on subject.as_of_date = billing.as_of_date and subject.subscription_id = billing.subscription_id
left join {{ ref('int_feature_usage') }} as usage
    on subject.as_of_date = usage.as_of_date and subject.subscription_id = usage.subscription_id
left join {{ ref('int_feature_event') }} as event
    on subject.as_of_date = event.as_of_date and subject.subscription_id = event.subscription_id
left join {{ ref('int_feature_service') }} as service
    on subject.as_of_date = service.as_of_date and subject.subscription_id = service.subscription_id
left join {{ ref('int_feature_surroundings') }} as surroundings
    on subject.as_of_date = surroundings.as_of_date and subject.subscription_id = surroundings.subscription_id
left join {{ ref('int_feature_circle') }} as circle
    on subject.as_of_date = circle.as_of_date and subject.subscription_id = circle.subscription_id
left join {{ ref('int_feature_usage_level') }} as usage_level
    on subject.as_of_date = usage_level.as_of_date and subject.subscription_id = usage_level.subscription_id
