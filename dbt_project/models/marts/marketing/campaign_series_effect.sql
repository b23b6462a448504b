-- All finished runs of a campaign together. One run is often too small to tell; the runs are tests of the same thing,
-- so their increments are averaged, each by the weight of its two groups (Mantel and Haenszel's weights for a
-- difference of shares). The interval comes from those of the runs by the method of variance estimates recovery (Zou
-- and Donner 2008), which keeps what Newcombe's interval is good at: small groups, and shares near 0 and 1.
with runs as (

    select
        *,
        cast(treated_count as double precision) * control_count / (treated_count + control_count) as weight
    from {{ ref('campaign_effect') }}
    where is_window_complete and increment_rate is not null

),

pooled as (

    select
        campaign_name,
        objective_code,
        outcome_code,
        count(*) as run_count,
        min(first_assigned_date) as first_assigned_date,
        max(first_assigned_date) as last_assigned_date,
        {{ sum_whole('treated_count') }} as treated_count,
        {{ sum_whole('control_count') }} as control_count,
        {{ sum_whole('treated_outcome_count') }} as treated_outcome_count,
        {{ sum_whole('control_outcome_count') }} as control_outcome_count,
        sum(weight * increment_rate) / sum(weight) as increment_rate,
        sqrt(sum(power(weight * (increment_rate - increment_low_rate), 2))) / sum(weight) as below,
        sqrt(sum(power(weight * (increment_high_rate - increment_rate), 2))) / sum(weight) as above,
        sum(incremental_count) as incremental_count,
        count(distinct currency_code) as currency_count,
        sum(cost_amount) as cost_amount,
        min(currency_code) as currency_code
    from runs
    group by campaign_name, objective_code, outcome_code

)

select
    campaign_name,
    objective_code,
    outcome_code,
    run_count,
    first_assigned_date,
    last_assigned_date,
    treated_count,
    control_count,
    treated_outcome_count,
    control_outcome_count,
    cast(increment_rate as numeric(9, 6)) as increment_rate,
    cast(increment_rate - below as numeric(9, 6)) as increment_low_rate,
    cast(increment_rate + above as numeric(9, 6)) as increment_high_rate,
    case
        when increment_rate - below > 0 then 'gain'
        when increment_rate + above < 0 then 'harm'
        else 'no effect shown'
    end as verdict_name,
    cast(incremental_count as numeric(18, 2)) as incremental_count,
    cast(case when currency_count = 1 then cost_amount end as numeric(18, 2)) as cost_amount,
    case when currency_count = 1 then currency_code end as currency_code
from pooled
