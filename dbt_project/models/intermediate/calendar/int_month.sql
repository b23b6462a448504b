{{ with_known_partitions('month') }}

-- The months of the delivered history, the open one last. Instants bound the part of the month that has happened:
-- the open month ends with as_of_date.
with history as (

    select min(complete_from_date) as history_from_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'crm' and entity_name in ('subscription', 'subscription_event')

),

usage_window as (

    select
        min(complete_from_date) as complete_from_date,
        max(complete_to_date) as complete_to_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'usage' and entity_name = 'usage_event'

),

billing_period as (

    select
        period_from,
        period_to
    from {{ ref('stg_ops__load') }}
    where source_name = 'billing' and entity_name = 'invoice_line'

),

months as (

    select
        calendar.calendar_date as month,
        {{ date_plus(date_plus('calendar.calendar_date', 1, 'month'), -1) }} as month_end_date,
        as_of.as_of_date
    from {{ ref('dim_date') }} as calendar
    cross join {{ ref('int_as_of_date') }} as as_of
    cross join history
    where calendar.calendar_date = calendar.calendar_month
        and calendar.calendar_date >= {{ month_of('history.history_from_date') }}
        and calendar.calendar_date <= as_of.as_of_date

),

dated as (

    select
        *,
        least(month_end_date, as_of_date) as last_date
    from months

)

select
    dated.month,
    dated.month_end_date,
    dated.last_date,
    {{ local_midnight('dated.month') }} as start_at,
    {{ local_midnight(date_plus('dated.last_date', 1)) }} as end_at,
    dated.as_of_date >= {{ date_plus('dated.month_end_date', var('month_close_days')) }} as is_month_closed,
    dated.month = {{ month_of('dated.as_of_date') }} as is_open_month,
    coalesce(
        usage_window.complete_from_date <= dated.last_date and usage_window.complete_to_date >= dated.month, false
    ) as is_usage_delivered,
    exists(
        select 1
        from billing_period
        where billing_period.period_from <= dated.month_end_date and billing_period.period_to >= dated.month
    ) as is_revenue_delivered
from dated
cross join usage_window
