-- The sums that the KPIs of revenue and credit are made of. Payers of a month are sliced as at the end of the latest
-- service month they were charged for; what accounts owe is known by region only. What was given up counts in the month
-- in which the document was billed, so that it stands beside what was billed then.
{%- set unknown = ['brand_name', 'service_line', 'plan_type', 'value_tier'] %}
with charged as (

    select
        posted_month as month,
        subscription_id,
        currency_code,
        sum(net_amount) as amount,
        max(service_month) as service_month
    from {{ ref('fct_revenue') }}
    where is_service_revenue and subscription_id <> 'unallocated'
    group by posted_month, subscription_id, currency_code
    having sum(net_amount) > 0

),

described as (

    select distinct
        subscription_id,
        service_month,
        subscription_sk
    from {{ ref('fct_revenue') }}

),

payers as (

    select
        charged.month,
        charged.currency_code,
        coalesce(version.region_id, 'unknown') as region_id,
        coalesce(version.brand_name, 'unknown') as brand_name,
        coalesce(version.service_line, 'unknown') as service_line,
        coalesce(version.plan_type, 'unknown') as plan_type,
        coalesce(monthly_value.value_tier, 'standard') as value_tier,
        cast(1 as numeric) as paying_subscription_count,
        charged.amount as paying_revenue_amount,
        cast(null as numeric) as receivable_day_amount,
        cast(null as numeric) as billed_amount,
        cast(null as numeric) as written_off_cohort_amount
    from charged
    inner join described
        on charged.subscription_id = described.subscription_id and charged.service_month = described.service_month
    left join {{ ref('dim_subscription') }} as version
        on described.subscription_sk = version.subscription_sk
    left join {{ ref('int_subscription_month_value') }} as monthly_value
        on charged.subscription_id = monthly_value.subscription_id and charged.month = monthly_value.month

),

-- Days of the month that have happened.
owed as (

    select
        receivable.month,
        receivable.currency_code,
        receivable.region_id,
        {%- for column in unknown %}
            'unknown' as {{ column }},
        {%- endfor %}
        cast(null as numeric) as paying_subscription_count,
        cast(null as numeric) as paying_revenue_amount,
        receivable.gross_receivable_amount
        * ({{ dbt.datediff('months.month', 'months.last_date', 'day') }} + 1) as receivable_day_amount, -- noqa: LT05
        receivable.billed_amount,
        cast(0 as numeric) as written_off_cohort_amount
    from {{ ref('receivable_monthly') }} as receivable
    inner join {{ ref('int_month') }} as months
        on receivable.month = months.month and months.is_revenue_delivered

),

billed as (

    select
        account_id,
        currency_code,
        invoice_id,
        min(posted_month) as billing_month
    from {{ ref('int_receivable_charge') }}
    group by account_id, currency_code, invoice_id

),

given_up as (

    select
        coalesce(billed.billing_month, entry.posted_month) as month,
        entry.account_id,
        entry.currency_code,
        -1 * entry.amount as amount
    from {{ ref('int_receivable_entry') }} as entry
    left join billed
        on entry.account_id = billed.account_id
            and entry.currency_code = billed.currency_code
            and entry.invoice_id = billed.invoice_id
    where entry.entry_type = 'written_off'

),

lost as (

    select
        given_up.month,
        given_up.currency_code,
        coalesce(receivable.region_id, 'unknown') as region_id,
        {%- for column in unknown %}
            'unknown' as {{ column }},
        {%- endfor %}
        cast(null as numeric) as paying_subscription_count,
        cast(null as numeric) as paying_revenue_amount,
        cast(null as numeric) as receivable_day_amount,
        cast(null as numeric) as billed_amount,
        given_up.amount as written_off_cohort_amount
    from given_up
    inner join {{ ref('int_month') }} as months
        on given_up.month = months.month and months.is_revenue_delivered
    left join {{ ref('receivable_monthly') }} as receivable
        on given_up.month = receivable.month
            and given_up.account_id = receivable.account_id
            and given_up.currency_code = receivable.currency_code

),

components as (

    select * from payers
    union all
    select * from owed
    union all
    select * from lost

)

select
    month,
    currency_code,
    {{ slice_list() }},
    sum(paying_subscription_count) as paying_subscription_count,
    sum(paying_revenue_amount) as paying_revenue_amount,
    sum(receivable_day_amount) as receivable_day_amount,
    sum(billed_amount) as billed_amount,
    sum(written_off_cohort_amount) as written_off_cohort_amount
from components
group by month, currency_code, {{ slice_list() }}
