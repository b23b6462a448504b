-- Treated less control, as assigned (whether or not the message arrived), with Newcombe's interval from two Wilson
-- intervals, which holds for small groups and for shares near 0 and 1 (Newcombe 1998, method 10). What the increment is
-- worth comes from the seed campaign_value; the rates are exact fractions until they are shown.
with counted as (

    select
        campaign_id,
        min(assigned_date) as first_assigned_date,
        max(window_end_date) as window_end_date,
        min(cast(is_window_complete as integer)) = 1 as is_window_complete,
        min(outcome_code) as outcome_code,
        count(case when not is_control then 1 end) as treated_count,
        count(case when is_control then 1 end) as control_count,
        count(case when not is_control and has_outcome then 1 end) as treated_outcome_count,
        count(case when is_control and has_outcome then 1 end) as control_outcome_count,
        count(case when delivery_code = 'delivered' then 1 end) as delivered_count,
        count(case when response_code = 'accepted' then 1 end) as accepted_count,
        sum(cost_amount) as cost_amount
    from {{ ref('fct_campaign_contact') }}
    group by campaign_id

),

-- A discount that somebody who accepted has gained since; what ran out for others is no gain of theirs.
worth as (

    select
        contact.campaign_id,
        sum(contact_value.base_revenue_amount) as line_revenue_amount,
        count(contact_value.base_revenue_amount) as line_revenue_count,
        sum(outcome.fee_step_amount) as fee_step_amount,
        count(outcome.fee_step_amount) as fee_step_count,
        count(
            case when not contact.is_control and contact.response_code = 'accepted' and contact.has_outcome then 1 end
        ) as accepted_outcome_count,
        sum(
            case
                when contact.is_control or contact.response_code <> 'accepted' or not contact.has_outcome then null
                when contact_value.discount_change_amount < 0 then 0
                else contact_value.discount_change_amount
            end
        ) as gained_discount_amount
    from {{ ref('fct_campaign_contact') }} as contact
    inner join {{ ref('int_campaign_outcome') }} as outcome
        on contact.campaign_contact_id = outcome.campaign_contact_id
    inner join {{ ref('int_campaign_contact_value') }} as contact_value
        on contact.campaign_contact_id = contact_value.campaign_contact_id
    group by contact.campaign_id

),

booked as (

    select
        campaign_id,
        currency_code,
        sum(amount) as booked_cost_amount
    from {{ ref('stg_finance__cost') }}
    where campaign_id is not null and booked_at < {{ as_of_end_at() }}
    group by campaign_id, currency_code

),

shares as (

    select
        *,
        cast(treated_outcome_count as double precision) / nullif(treated_count, 0) as treated_rate,
        cast(control_outcome_count as double precision) / nullif(control_count, 0) as control_rate
    from counted

),

wilson as (

    select
        *,
        {{ wilson_bound('treated_rate', 'treated_count', '-') }} as treated_low,
        {{ wilson_bound('treated_rate', 'treated_count', '+') }} as treated_high,
        {{ wilson_bound('control_rate', 'control_count', '-') }} as control_low,
        {{ wilson_bound('control_rate', 'control_count', '+') }} as control_high
    from shares

),

compared as (

    select
        *,
        treated_rate - control_rate as increment_rate,
        treated_rate - control_rate
        - sqrt(power(treated_rate - treated_low, 2) + power(control_high - control_rate, 2)) as increment_low_rate,
        treated_rate - control_rate
        + sqrt(power(treated_high - treated_rate, 2) + power(control_rate - control_low, 2)) as increment_high_rate
    from wilson

),

valued as (

    select
        compared.*,
        campaign.campaign_name,
        campaign.objective_code,
        campaign.currency_code,
        rule.value_basis,
        rule.horizon_months,
        rule.margin_rate,
        case rule.value_basis
            when 'line_revenue' then worth.line_revenue_amount
            when 'offer_fee' then offer.monthly_fee_amount
            when 'fee_step' then worth.fee_step_amount
        end as basis_sum_amount,
        case rule.value_basis
            when 'line_revenue' then worth.line_revenue_count
            when 'offer_fee' then 1
            when 'fee_step' then worth.fee_step_count
        end as basis_count,
        case when worth.accepted_outcome_count = 0 then 0 else worth.gained_discount_amount end
            as gained_discount_amount,
        booked.booked_cost_amount,
        cast(compared.control_outcome_count as numeric) * compared.treated_count / nullif(compared.control_count, 0)
            as baseline_count
    from compared
    inner join {{ ref('dim_campaign') }} as campaign
        on compared.campaign_id = campaign.campaign_id
    inner join worth
        on compared.campaign_id = worth.campaign_id
    left join {{ ref('campaign_value') }} as rule
        on compared.outcome_code = rule.outcome_code
    left join {{ ref('dim_offer') }} as offer
        on campaign.offer_id = offer.offer_id
            and campaign.currency_code = offer.currency_code
            and {{ version_at('offer', local_midnight('compared.first_assigned_date')) }}
    left join booked
        on compared.campaign_id = booked.campaign_id and campaign.currency_code = booked.currency_code

),

priced as (

    select
        *,
        basis_sum_amount / nullif(basis_count, 0) as basis_amount,
        -- Divided last: a mean is cut at some digit, and half a cent would fall.
        round(basis_sum_amount * horizon_months * margin_rate / nullif(basis_count, 0), 2) as outcome_value_amount,
        -- No more of the outcomes than there are can be those that would have come anyway.
        round(
            gained_discount_amount * horizon_months
            * least(coalesce(baseline_count / nullif(treated_outcome_count, 0), 0), 1),
            2
        ) as cannibalised_amount
    from valued

),

returned as (

    select
        *,
        round((treated_outcome_count - baseline_count) * outcome_value_amount, 2) as increment_value_amount,
        cast(increment_low_rate * treated_count as numeric) * outcome_value_amount as value_low_amount,
        cast(increment_high_rate * treated_count as numeric) * outcome_value_amount as value_high_amount
    from priced

)

select
    campaign_id,
    campaign_name,
    objective_code,
    outcome_code,
    first_assigned_date,
    window_end_date,
    is_window_complete,
    treated_count,
    control_count,
    treated_outcome_count,
    control_outcome_count,
    delivered_count,
    accepted_count,
    cast(treated_rate as numeric(9, 6)) as treated_rate,
    cast(control_rate as numeric(9, 6)) as control_rate,
    cast(increment_rate as numeric(9, 6)) as increment_rate,
    cast(increment_low_rate as numeric(9, 6)) as increment_low_rate,
    cast(increment_high_rate as numeric(9, 6)) as increment_high_rate,
    case
        when increment_low_rate is null then 'not known'
        when increment_low_rate > 0 then 'gain'
        when increment_high_rate < 0 then 'harm'
        else 'no effect shown'
    end as verdict_name,
    cast(treated_outcome_count - baseline_count as numeric(18, 2)) as incremental_count,
    cast(baseline_count as numeric(18, 2)) as baseline_outcome_count,
    cast(cost_amount as numeric(18, 2)) as cost_amount,
    cast(booked_cost_amount as numeric(18, 2)) as booked_cost_amount,
    value_basis,
    cast(basis_amount as numeric(18, 2)) as value_basis_amount,
    horizon_months,
    margin_rate,
    cast(outcome_value_amount as numeric(18, 2)) as outcome_value_amount,
    cast(increment_value_amount as numeric(18, 2)) as increment_value_amount,
    cast(value_low_amount as numeric(18, 2)) as increment_value_low_amount,
    cast(value_high_amount as numeric(18, 2)) as increment_value_high_amount,
    cast(gained_discount_amount as numeric(18, 2)) as gained_discount_amount,
    cast(cannibalised_amount as numeric(18, 2)) as cannibalised_amount,
    cast((increment_value_amount - cost_amount) / nullif(cost_amount, 0) as numeric(18, 6)) as roi_ratio,
    cast((value_low_amount - cost_amount) / nullif(cost_amount, 0) as numeric(18, 6)) as roi_low_ratio,
    cast((value_high_amount - cost_amount) / nullif(cost_amount, 0) as numeric(18, 6)) as roi_high_ratio,
    cast((increment_value_amount - cannibalised_amount - cost_amount) / nullif(cost_amount, 0) as numeric(18, 6))
        as roi_after_cannibalisation_ratio,
    case
        when value_low_amount is null or cost_amount is null then 'not known'
        when value_low_amount > cost_amount then 'pays'
        when value_high_amount < cost_amount then 'loses money'
        else 'not shown'
    end as roi_verdict_name,
    currency_code
from returned
