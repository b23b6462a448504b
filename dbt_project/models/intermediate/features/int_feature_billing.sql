-- Bills issued up to each feature date: bill 1 in the month that ends with it, bill 2 in the month before, and so on.
-- Null where nothing was billed to anyone by then; 0 where others were billed and this subscription was not.
{%- set bills = [1, 2, 3, 4] %}
with first_bill as (

    select min(issued_date) as issued_date
    from {{ ref('int_invoice_line_posted') }}
    having min(issued_date) is not null

),

dates as (

    select
        dates.as_of_date,
        {%- for bill in bills %}
            {{ date_plus('dates.as_of_date', -1 * bill, 'month') }} as bill_{{ bill }}_after_date,
            first_bill.issued_date <= {{ date_plus('dates.as_of_date', 1 - bill, 'month') }} as has_bill_{{ bill }}
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('int_feature_date') }} as dates
    cross join first_bill

),

charged as (

    select
        line.subscription_id,
        line.issued_date,
        sum(case when charge.is_service_revenue then line.net_amount else 0 end) as service_amount,
        sum(case when line.charge_type = 'usage' then line.net_amount else 0 end) as usage_amount,
        sum(case when line.charge_type in ('discount', 'credit') then line.net_amount else 0 end) as discount_amount,
        sum(case when line.charge_type = 'discount' then line.net_amount else 0 end) as plan_discount_amount,
        sum(line.net_amount + line.tax_amount) as gross_amount
    from {{ ref('int_invoice_line_posted') }} as line
    inner join {{ ref('charge_type') }} as charge
        on line.charge_type = charge.charge_type
    where line.subscription_id is not null
    group by line.subscription_id, line.issued_date

),

billed as (

    select
        dates.as_of_date,
        charged.subscription_id,
        {%- for bill in bills %}
            sum(
                case
                    when charged.issued_date > dates.bill_{{ bill }}_after_date
                        {%- if bill > 1 %}
                            and charged.issued_date <= dates.bill_{{ bill - 1 }}_after_date
                        {%- endif %}
                        then charged.service_amount
                    else 0
                end
            ) as bill_{{ bill }}_amount,
        {%- endfor %}
        sum(case when charged.issued_date > dates.bill_1_after_date then charged.usage_amount else 0 end)
            as usage_charge_amount,
        sum(case when charged.issued_date > dates.bill_1_after_date then charged.discount_amount else 0 end)
            as discount_amount,
        sum(case when charged.issued_date > dates.bill_1_after_date then charged.plan_discount_amount else 0 end)
            as plan_discount_amount
    from charged
    inner join dates
        on charged.issued_date <= dates.as_of_date and charged.issued_date > dates.bill_4_after_date
    group by dates.as_of_date, charged.subscription_id

),

billed_ever as (

    select
        dates.as_of_date,
        charged.subscription_id,
        sum(charged.gross_amount) as gross_amount
    from charged
    inner join dates
        on charged.issued_date <= dates.as_of_date
    group by dates.as_of_date, charged.subscription_id

)

select
    subject.as_of_date,
    subject.subscription_id,
    {%- for bill in bills %}
        case
            when dates.has_bill_{{ bill }} then coalesce(billed.bill_{{ bill }}_amount, 0)
        end as bill_{{ bill }}_amount,
    {%- endfor %}
    case when dates.has_bill_1 then coalesce(billed.usage_charge_amount, 0) end as usage_charge_amount,
    case when dates.has_bill_1 then coalesce(billed.discount_amount, 0) end as discount_amount,
    case when dates.has_bill_1 then coalesce(billed.plan_discount_amount, 0) end as plan_discount_amount,
    case when dates.has_bill_1 then coalesce(billed_ever.gross_amount, 0) end as billed_in_history_amount
from {{ ref('int_feature_subject') }} as subject
inner join dates
    on subject.as_of_date = dates.as_of_date
left join billed
    on subject.as_of_date = billed.as_of_date and subject.subscription_id = billed.subscription_id
left join billed_ever
    on subject.as_of_date = billed_ever.as_of_date and subject.subscription_id = billed_ever.subscription_id
