-- What each assignment says of the worth of an outcome: what the line brought in a month before it was assigned, and
-- how its discounts changed from then to the months after. A line that came back is followed by its successor.
{% set month_reach = 3 -%}
with contacts as (

    select
        contact.campaign_contact_id,
        contact.subscription_id,
        coalesce(outcome.successor_subscription_id, contact.subscription_id) as followed_subscription_id,
        {{ month_of('contact.assigned_date') }} as assigned_month,
        {{ month_of('outcome.window_end_date') }} as window_end_month,
        campaign.currency_code
    from {{ ref('stg_marketing__campaign_contact') }} as contact
    inner join {{ ref('int_campaign_outcome') }} as outcome
        on contact.campaign_contact_id = outcome.campaign_contact_id
    inner join {{ ref('dim_campaign') }} as campaign
        on contact.campaign_id = campaign.campaign_id

),

-- Whole months on the network only: a line lost within the month says little of what it brought.
line_months as (

    select
        contacts.campaign_contact_id,
        monthly_value.service_revenue_amount,
        row_number() over (
            partition by contacts.campaign_contact_id order by movement.month desc
        ) as recency
    from contacts
    inner join {{ ref('int_subscription_month') }} as movement
        on contacts.subscription_id = movement.subscription_id
            and contacts.assigned_month > movement.month
            and movement.is_opening
            and movement.is_closing
    inner join {{ ref('int_subscription_month_value') }} as monthly_value
        on movement.month = monthly_value.month
            and movement.subscription_id = monthly_value.subscription_id
            and contacts.currency_code = monthly_value.currency_code
            and monthly_value.service_revenue_amount is not null

),

line_revenue as (

    select
        campaign_contact_id,
        avg(service_revenue_amount) as base_revenue_amount
    from line_months
    where recency <= {{ month_reach }}
    group by campaign_contact_id

),

month_sides as (

    select
        contacts.campaign_contact_id,
        contacts.followed_subscription_id,
        contacts.currency_code,
        months.month,
        months.month < contacts.assigned_month as is_before
    from contacts
    inner join {{ ref('int_month') }} as months
        on months.is_revenue_delivered
            and months.month >= {{ date_plus('contacts.assigned_month', -1 * month_reach, 'month') }}
            and months.month <= contacts.window_end_month
            and months.month <> contacts.assigned_month

),

discounts as (

    select
        subscription_id,
        service_month,
        currency_code,
        -1 * sum(net_amount) as discount_amount
    from {{ ref('fct_revenue') }}
    where charge_type = 'discount'
    group by subscription_id, service_month, currency_code

),

discount_change as (

    select
        month_sides.campaign_contact_id,
        sum(case when not month_sides.is_before then coalesce(discounts.discount_amount, 0) end)
        / nullif(count(case when not month_sides.is_before then 1 end), 0) as after_amount,
        sum(case when month_sides.is_before then coalesce(discounts.discount_amount, 0) end)
        / nullif(count(case when month_sides.is_before then 1 end), 0) as before_amount
    from month_sides
    left join discounts
        on month_sides.followed_subscription_id = discounts.subscription_id
            and month_sides.month = discounts.service_month
            and month_sides.currency_code = discounts.currency_code
    group by month_sides.campaign_contact_id

)

select
    contacts.campaign_contact_id,
    cast(line_revenue.base_revenue_amount as numeric(18, 6)) as base_revenue_amount,
    cast(discount_change.after_amount - discount_change.before_amount as numeric(18, 6)) as discount_change_amount
from contacts
left join line_revenue
    on contacts.campaign_contact_id = line_revenue.campaign_contact_id
left join discount_change
    on contacts.campaign_contact_id = discount_change.campaign_contact_id
