-- Group customers by month: their lines and products, the members known, what they bring and their tickets.
with members as (

    {{ entity_history(
        ref('stg_enterprise__group_member'),
        'group_member_id',
        ['group_customer_id', 'subscription_id', 'valid_from_date', 'valid_to_date', 'rival_operator']
    ) }}

),

member_months as (

    select
        months.month,
        members.group_customer_id as customer_id,
        count(*) as member_count,
        count(*) filter (where monthly.is_closing) as member_with_us_count,
        count(*) filter (where monthly.is_closing is null and members.rival_operator is not null)
            as member_with_rival_count
    from members
    inner join {{ ref('int_month') }} as months
        on members.valid_from_date <= months.last_date
            and (members.valid_to_date is null or members.valid_to_date > months.last_date)
    left join {{ ref('subscription_monthly') }} as monthly
        on members.subscription_id = monthly.subscription_id and months.month = monthly.month and monthly.is_closing
    where members.is_current
    group by months.month, members.group_customer_id

),

paid_lines as (

    select
        monthly.*,
        market.payer_customer_id
    from {{ ref('subscription_monthly') }} as monthly
    inner join {{ ref('int_subscription_market') }} as market
        on monthly.month = market.month and monthly.subscription_id = market.subscription_id
    where market.market_type = 'group'

),

lines as (

    select
        month,
        payer_customer_id as customer_id,
        coalesce(currency_code, '') as currency_code,
        count(*) filter (where is_opening) as opening_count,
        count(*) filter (where is_closing) as closing_count,
        count(*) filter (where is_opening and is_closing) as retained_count,
        {{ sum_whole('voluntary_churn_count + involuntary_churn_count + inactive_churn_count') }} as churn_count,
        count(distinct closing_service_line) filter (where is_closing) as product_count,
        sum(service_revenue_amount) as service_revenue_amount,
        sum(total_net_amount) as total_net_amount
    from paid_lines
    group by month, payer_customer_id, coalesce(currency_code, '')

),

tickets as (

    select
        {{ month_of('ticket.opened_date') }} as month,
        market.payer_customer_id as customer_id,
        count(*) as ticket_count,
        count(*) filter (where ticket.resolved_at is not null) as resolved_ticket_count,
        count(*) filter (where ticket.is_sla_met is not null) as sla_judged_count,
        count(*) filter (where ticket.is_sla_met) as sla_met_count
    from {{ ref('fct_ticket') }} as ticket
    inner join {{ ref('int_subscription_market') }} as market
        on ticket.subscription_id = market.subscription_id and {{ month_of('ticket.opened_date') }} = market.month
    where market.market_type = 'group'
    group by {{ month_of('ticket.opened_date') }}, market.payer_customer_id

)

select
    lines.month,
    lines.customer_id,
    lines.currency_code,
    months.is_month_closed,
    months.is_open_month,
    customer.region_id,
    hierarchy.root_customer_id,
    lines.opening_count,
    lines.closing_count,
    lines.retained_count,
    case when lines.opening_count > 0 then round(cast(lines.retained_count as numeric) / lines.opening_count, 6) end
        as retention_rate,
    lines.churn_count,
    lines.product_count,
    member_months.member_count,
    member_months.member_with_us_count,
    member_months.member_with_rival_count,
    case
        when member_months.member_count > 0
            then round(cast(member_months.member_with_us_count as numeric) / member_months.member_count, 6)
    end as penetration_rate,
    cast(lines.service_revenue_amount as numeric(18, 2)) as service_revenue_amount,
    cast(lines.total_net_amount as numeric(18, 2)) as total_net_amount,
    coalesce(tickets.ticket_count, 0) as ticket_count,
    coalesce(tickets.resolved_ticket_count, 0) as resolved_ticket_count,
    coalesce(tickets.sla_judged_count, 0) as sla_judged_count,
    coalesce(tickets.sla_met_count, 0) as sla_met_count
from lines
inner join {{ ref('int_month') }} as months
    on lines.month = months.month
left join {{ ref('dim_customer') }} as customer
    on lines.customer_id = customer.customer_id and {{ version_before('customer', 'months.end_at') }}
left join {{ ref('group_hierarchy') }} as hierarchy
    on lines.customer_id = hierarchy.customer_id
left join member_months
    on lines.month = member_months.month and lines.customer_id = member_months.customer_id
left join tickets
    on lines.month = tickets.month and lines.customer_id = tickets.customer_id
