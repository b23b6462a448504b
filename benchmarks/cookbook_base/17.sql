with counted as (
    select
        campaign_id,
        min(assigned_date) as first_assigned_date,
        min(outcome_code) as outcome_code,
        count(*) filter (where not is_control)::double precision as treated,
        count(*) filter (where is_control)::double precision as control,
        count(*) filter (where not is_control and has_outcome) as treated_outcomes,
        count(*) filter (where is_control and has_outcome) as control_outcomes,
        sum(cost_amount) as cost_amount
    from marts.fct_campaign_contact
    group by campaign_id
    having bool_and(is_window_complete) and count(*) filter (where is_control) > 0
),

worth as (
    select
        contact.campaign_id,
        sum(value.base_revenue_amount) as line_revenue,
        count(value.base_revenue_amount) as line_revenue_count,
        sum(outcome.fee_step_amount) as fee_step,
        count(outcome.fee_step_amount) as fee_step_count
    from marts.fct_campaign_contact as contact
    inner join intermediate.int_campaign_outcome as outcome using (campaign_contact_id)
    inner join intermediate.int_campaign_contact_value as value using (campaign_contact_id)
    group by contact.campaign_id
),

-- Wilson's interval of both shares.
arms as (
    select
        counted.campaign_id,
        arm.is_treated,
        arm.rate,
        (arm.rate + 1.959964 ^ 2 / 2 / arm.size - arm.half) / (1 + 1.959964 ^ 2 / arm.size) as low,
        (arm.rate + 1.959964 ^ 2 / 2 / arm.size + arm.half) / (1 + 1.959964 ^ 2 / arm.size) as high
    from counted
    cross join lateral (
        select
            is_treated,
            size,
            outcomes / nullif(size, 0) as rate,
            1.959964 * sqrt(
                outcomes / nullif(size, 0) * (1 - outcomes / nullif(size, 0)) / nullif(size, 0)
                + 1.959964 ^ 2 / 4 / nullif(size, 0) ^ 2
            ) as half
        from (values (true, counted.treated, counted.treated_outcomes), (false, counted.control, counted.control_outcomes))
            as of_arm (is_treated, size, outcomes)
    ) as arm
),

-- Newcombe's interval of the difference.
compared as (
    select
        counted.*,
        treated_arm.rate as treated_rate,
        control_arm.rate as control_rate,
        treated_arm.rate - control_arm.rate as increment,
        treated_arm.rate - control_arm.rate
        - sqrt((treated_arm.rate - treated_arm.low) ^ 2 + (control_arm.high - control_arm.rate) ^ 2) as low,
        treated_arm.rate - control_arm.rate
        + sqrt((treated_arm.high - treated_arm.rate) ^ 2 + (control_arm.rate - control_arm.low) ^ 2) as high
    from counted
    inner join arms as treated_arm on counted.campaign_id = treated_arm.campaign_id and treated_arm.is_treated
    inner join arms as control_arm on counted.campaign_id = control_arm.campaign_id and not control_arm.is_treated
),

valued as (
    select
        compared.*,
        campaign.campaign_name,
        campaign.currency_code,
        round(
            rule.horizon_months * rule.margin_rate * case rule.value_basis
                when 'line_revenue' then worth.line_revenue
                when 'offer_fee' then offer.monthly_fee_amount
                when 'fee_step' then worth.fee_step
            end / nullif(case rule.value_basis
                when 'line_revenue' then worth.line_revenue_count
                when 'offer_fee' then 1
                when 'fee_step' then worth.fee_step_count
            end, 0), 2
        ) as outcome_value
    from compared
    inner join worth using (campaign_id)
    inner join marts.dim_campaign as campaign using (campaign_id)
    left join reference.campaign_value as rule using (outcome_code)
    left join marts.dim_offer as offer
        on campaign.offer_id = offer.offer_id
            and campaign.currency_code = offer.currency_code
            and (
                offer.valid_from_at <= compared.first_assigned_date::timestamp at time zone 'Asia/Shanghai'
                or offer.version_number = 1
            )
            and offer.valid_to_at > compared.first_assigned_date::timestamp at time zone 'Asia/Shanghai'
),

returned as (
    select
        *,
        round(
            (treated_outcomes - control_outcomes::numeric * treated::bigint / control::bigint) * outcome_value, 2
        ) as gained,
        (low * treated)::numeric * outcome_value as gained_low,
        (high * treated)::numeric * outcome_value as gained_high
    from valued
)

select
    campaign_id,
    campaign_name,
    treated::bigint as treated_count,
    control::bigint as control_count,
    round(treated_rate::numeric, 6) as treated_rate,
    round(control_rate::numeric, 6) as control_rate,
    round(increment::numeric, 6) as increment_rate,
    round(low::numeric, 6) as increment_low_rate,
    round(high::numeric, 6) as increment_high_rate,
    case when low > 0 then 'gain' when high < 0 then 'harm' else 'no effect shown' end as verdict_name,
    currency_code,
    cost_amount,
    round((gained - cost_amount) / nullif(cost_amount, 0), 6) as roi_ratio,
    round((gained_low - cost_amount) / nullif(cost_amount, 0), 6) as roi_low_ratio,
    round((gained_high - cost_amount) / nullif(cost_amount, 0), 6) as roi_high_ratio,
    case
        when gained_low is null or cost_amount is null then 'not known'
        when gained_low > cost_amount then 'pays'
        when gained_high < cost_amount then 'loses money'
        else 'not shown'
    end as roi_verdict_name
from returned
order by first_assigned_date, campaign_id
