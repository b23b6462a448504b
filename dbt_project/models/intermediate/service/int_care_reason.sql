-- Reasons to care for a line today: its contract runs out, a birthday or other care is due, its value fell, or a bill
-- is overdue. One row per line and reason, with the day it is about and the evidence in words.
with today as (

    select
        as_of_date,
        as_of_end_at
    from {{ ref('int_as_of_date') }}

),

contracts as (

    select
        contract.subscription_id,
        max(contract.end_date) as contract_end_date
    from {{ ref('int_contract_history') }} as contract
    where contract.is_current and contract.term_months > 1
    group by contract.subscription_id

),

months as (

    select
        month,
        row_number() over (order by month desc) as recency
    from {{ ref('int_month') }}
    where is_revenue_delivered and not is_open_month

),

revenue as (

    select
        monthly.subscription_id,
        max(monthly.currency_code) as currency_code,
        max(months.month) filter (where months.recency = 1) as month,
        max(monthly.service_revenue_amount) filter (where months.recency = 1) as last_amount,
        avg(monthly.service_revenue_amount) filter (where months.recency between 2 and 4) as mean_amount,
        count(*) filter (where months.recency between 2 and 4) as month_count
    from {{ ref('subscription_monthly') }} as monthly
    inner join months
        on monthly.month = months.month and months.recency <= 4
    group by monthly.subscription_id

),

paid as (

    select
        invoice_id,
        max(paid_at) filter (where not is_reversal) as last_paid_at
    from {{ ref('stg_billing__payment') }}
    where invoice_id is not null
    group by invoice_id

),

dunning as (

    select
        event.*,
        row_number() over (partition by event.invoice_id order by event.occurred_at desc) as recency
    from {{ ref('stg_billing__collection_event') }} as event
    cross join today
    where event.occurred_at < today.as_of_end_at and event.invoice_id is not null

),

arrears as (

    select
        dunning.account_id,
        dunning.currency_code,
        min({{ local_date('dunning.occurred_at') }}) as last_reminded_date,
        sum(dunning.amount) as overdue_amount
    from dunning
    left join paid
        on dunning.invoice_id = paid.invoice_id
    where dunning.recency = 1
        and dunning.event_type in ('reminder', 'call', 'promise', 'suspension')
        and (paid.last_paid_at is null or paid.last_paid_at < dunning.occurred_at)
    group by dunning.account_id, dunning.currency_code

),

lines as (

    select
        monthly.subscription_id,
        monthly.account_id,
        today.as_of_date
    from {{ ref('subscription_monthly') }} as monthly
    cross join today
    where monthly.month = {{ month_of('today.as_of_date') }} and monthly.is_closing

)

select
    lines.subscription_id,
    'contract_expiry' as reason_code,
    contracts.contract_end_date as reason_date,
    'contract ends ' || contracts.contract_end_date as evidence
from lines
inner join contracts
    on lines.subscription_id = contracts.subscription_id
where contracts.contract_end_date between {{ date_plus('lines.as_of_date', -30) }}
    and {{ date_plus('lines.as_of_date', var('contract_expiry_days')) }}

union all

select
    care.subscription_id,
    case when care.action_type = 'birthday' then 'birthday' else 'planned_care' end as reason_code,
    min(care.planned_date) as reason_date,
    min(care.action_type) || ' planned for ' || min(care.planned_date) as evidence
from {{ ref('fct_care_action') }} as care
inner join lines
    on care.subscription_id = lines.subscription_id
where care.outcome_code = 'planned' and care.planned_date <= {{ date_plus('lines.as_of_date', var('care_ahead_days')) }}
group by care.subscription_id, case when care.action_type = 'birthday' then 'birthday' else 'planned_care' end

union all

select
    revenue.subscription_id,
    'anomaly' as reason_code,
    revenue.month as reason_date,
    'revenue ' || round(revenue.last_amount, 2) || ' ' || revenue.currency_code
    || ' against a mean of ' || round(revenue.mean_amount, 2) as evidence
from revenue
inner join lines
    on revenue.subscription_id = lines.subscription_id
where revenue.month_count = 3
    and revenue.mean_amount > 0
    and revenue.last_amount <= revenue.mean_amount * (1 - {{ var('value_drop_rate') }})

union all

select
    overdue.subscription_id,
    'arrears' as reason_code,
    min(overdue.last_reminded_date) as reason_date,
    'overdue '
    || {{ dbt.listagg("overdue.amount_text", "', '", "order by overdue.amount_text") }} as evidence
from (
    select
        lines.subscription_id,
        arrears.last_reminded_date,
        arrears.overdue_amount || ' ' || arrears.currency_code as amount_text
    from arrears
    inner join lines
        on arrears.account_id = lines.account_id
) as overdue
group by overdue.subscription_id
