-- Treated less control, as assigned (whether or not the message arrived), with Newcombe's interval from two Wilson
-- intervals, which holds for small groups and for shares near 0 and 1 (Newcombe 1998, method 10).
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

)

select
    compared.campaign_id,
    campaign.campaign_name,
    campaign.objective_code,
    compared.outcome_code,
    compared.first_assigned_date,
    compared.window_end_date,
    compared.is_window_complete,
    compared.treated_count,
    compared.control_count,
    compared.treated_outcome_count,
    compared.control_outcome_count,
    compared.delivered_count,
    compared.accepted_count,
    cast(compared.treated_rate as numeric(9, 6)) as treated_rate,
    cast(compared.control_rate as numeric(9, 6)) as control_rate,
    cast(compared.increment_rate as numeric(9, 6)) as increment_rate,
    cast(compared.increment_low_rate as numeric(9, 6)) as increment_low_rate,
    cast(compared.increment_high_rate as numeric(9, 6)) as increment_high_rate,
    case
        when compared.increment_low_rate is null then 'not known'
        when compared.increment_low_rate > 0 then 'gain'
        when compared.increment_high_rate < 0 then 'harm'
        else 'no effect shown'
    end as verdict_name,
    cast(compared.increment_rate * compared.treated_count as numeric(18, 2)) as incremental_count,
    cast(compared.cost_amount as numeric(18, 2)) as cost_amount,
    campaign.currency_code
from compared
inner join {{ ref('dim_campaign') }} as campaign
    on compared.campaign_id = campaign.campaign_id
