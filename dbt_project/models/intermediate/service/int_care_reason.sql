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

dunning as (

    select
        event.*,
        row_number() over (partition by event.invoice_id order by event.occurred_at desc) as recency
    from {{ ref('stg_billing__collection_event') }} as event
    cross join today
    where event.occurred_at < today.as_of_end_at and event.invoice_id is not null

),

-- A part payment or a correction lowers what is overdue, and does not end it.
arrears as (

    select
        dunning.account_id,
        dunning.currency_code,
        min({{ local_date('dunning.occurred_at') }}) as last_reminded_date,
        cast(sum(document.open_amount) as numeric(18, 2)) as overdue_amount
    from dunning
    cross join today
    inner join {{ ref('int_receivable_document_month') }} as document
        on dunning.account_id = document.account_id
            and dunning.currency_code = document.currency_code
            and dunning.invoice_id = document.invoice_id
            and document.month = {{ month_of('today.as_of_date') }}
    where dunning.recency = 1
        and dunning.event_type in ('reminder', 'call', 'promise', 'suspension')
        and document.open_amount > 0
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

),

planned as (

    select
        care.subscription_id,
        care.action_type,
        care.planned_date,
        case when care.action_type = 'birthday' then 'birthday' else 'planned_care' end as reason_code,
        row_number() over (
            partition by care.subscription_id, care.action_type = 'birthday'
            order by care.planned_date, care.action_type
        ) as choice
    from {{ ref('fct_care_action') }} as care
    inner join lines
        on care.subscription_id = lines.subscription_id
    where care.outcome_code = 'planned'
        and care.planned_date <= {{ date_plus('lines.as_of_date', var('care_ahead_days')) }}

)

select
    lines.subscription_id,
    'contract_expiry' as reason_code,
    contracts.contract_end_date as reason_date,
    'contract ends ' || contracts.contract_end_date as evidence,
    '合约于' || contracts.contract_end_date || '到期' as evidence_zh
from lines
inner join contracts
    on lines.subscription_id = contracts.subscription_id
where contracts.contract_end_date between {{ date_plus('lines.as_of_date', -30) }}
    and {{ date_plus('lines.as_of_date', var('contract_expiry_days')) }}

union all

select
    planned.subscription_id,
    planned.reason_code,
    planned.planned_date as reason_date,
    planned.action_type || ' planned for ' || planned.planned_date as evidence,
    '计划于' || planned.planned_date as evidence_zh
from planned
where planned.choice = 1

union all

select
    revenue.subscription_id,
    'anomaly' as reason_code,
    revenue.month as reason_date,
    'revenue ' || round(revenue.last_amount, 2) || ' ' || revenue.currency_code
    || ' against a mean of ' || round(revenue.mean_amount, 2) as evidence,
    '收入' || round(revenue.last_amount, 2) || ' ' || revenue.currency_code
    || '，前三个月均值' || round(revenue.mean_amount, 2) as evidence_zh
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
    || {{ dbt.listagg("overdue.amount_text", "', '", "order by overdue.amount_text") }} as evidence,
    '逾期' || {{ dbt.listagg("overdue.amount_text", "'、'", "order by overdue.amount_text") }} as evidence_zh
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
