-- The sums behind SAC, payback, retention cost and contribution margin, by month, slice and currency. Null where the
-- month's bookings (or bills, for margins) were not delivered. What joiners earn in a month is their number x the
-- running margin of a line of their service line and plan type: they have not earned a whole month yet themselves.
with costs as (

    select
        month,
        currency_code,
        {{ slice_list() }},
        sum(coalesce(commission_cost_amount, 0) + coalesce(subsidy_cost_amount, 0))
        + sum(campaign_cost_amount - retention_campaign_cost_amount) as acquisition_cost_amount,
        sum(retention_campaign_cost_amount) as retention_cost_amount,
        sum(contribution_margin_amount) as contribution_margin_amount,
        sum(case when contribution_margin_amount is not null then revenue_amount end) as margin_revenue_amount,
        sum(running_margin_amount) as running_margin_amount,
        count(commission_cost_amount) as booked_row_count,
        count(contribution_margin_amount) as margin_row_count
    from {{ ref('customer_profit_monthly') }}
    group by month, currency_code, {{ slice_list() }}

),

known as (

    select
        month,
        sum(booked_row_count) > 0 as is_cost_known,
        sum(margin_row_count) > 0 as is_margin_known
    from costs
    group by month

),

earned as (

    select
        month,
        currency_code,
        service_line,
        plan_type,
        sum(running_margin_amount) as running_margin_amount
    from costs
    group by month, currency_code, service_line, plan_type

),

based as (

    select
        month,
        currency_code,
        service_line,
        plan_type,
        sum(opening_count + closing_count) * 0.5 as mean_base_count
    from {{ ref('int_base_movement') }}
    group by month, currency_code, service_line, plan_type

),

line_margin as (

    select
        based.month,
        based.currency_code,
        based.service_line,
        based.plan_type,
        earned.running_margin_amount / nullif(based.mean_base_count, 0) as margin_amount
    from based
    inner join earned
        on based.month = earned.month
            and based.currency_code = earned.currency_code
            and based.service_line = earned.service_line
            and based.plan_type = earned.plan_type

),

joined as (

    select
        movement.month,
        movement.currency_code,
        {{ slice_list('movement') }},
        cast(movement.activation_count + movement.win_back_count as numeric) as gross_addition_count,
        round(
            (movement.activation_count + movement.win_back_count) * coalesce(line_margin.margin_amount, 0), 6
        ) as joiner_margin_amount
    from {{ ref('int_base_movement') }} as movement
    left join line_margin
        on movement.month = line_margin.month
            and movement.currency_code = line_margin.currency_code
            and movement.service_line = line_margin.service_line
            and movement.plan_type = line_margin.plan_type
    where movement.activation_count + movement.win_back_count > 0

),

combined as (

    select
        month,
        currency_code,
        {{ slice_list() }},
        acquisition_cost_amount,
        retention_cost_amount,
        contribution_margin_amount,
        margin_revenue_amount,
        cast(0 as numeric) as gross_addition_count,
        cast(0 as numeric) as joiner_margin_amount
    from costs

    union all

    select
        month,
        currency_code,
        {{ slice_list() }},
        0 as acquisition_cost_amount,
        0 as retention_cost_amount,
        0 as contribution_margin_amount,
        0 as margin_revenue_amount,
        gross_addition_count,
        joiner_margin_amount
    from joined

)

select
    combined.month,
    combined.currency_code,
    {{ slice_list('combined') }},
    case when known.is_cost_known then sum(combined.acquisition_cost_amount) end as acquisition_cost_amount,
    case when known.is_cost_known then sum(combined.retention_cost_amount) end as retention_cost_amount,
    case when known.is_margin_known then coalesce(sum(combined.contribution_margin_amount), 0) end
        as contribution_margin_amount,
    case when known.is_margin_known then coalesce(sum(combined.margin_revenue_amount), 0) end
        as margin_revenue_amount,
    sum(combined.gross_addition_count) as gross_addition_count,
    case when known.is_margin_known then sum(combined.joiner_margin_amount) end as joiner_margin_amount
from combined
left join known
    on combined.month = known.month
group by
    combined.month,
    combined.currency_code,
    {{ slice_list('combined') }},
    known.is_cost_known,
    known.is_margin_known
