with due as (

    select
        account_id,
        invoice_id,
        currency_code,
        min(due_date) as due_date
    from {{ ref('int_invoice_line_posted') }}
    where document_type <> 'statement'
    group by account_id, invoice_id, currency_code

)

select
    {{ surrogate_key(['event.collection_event_id']) }} as collection_sk,
    event.collection_event_id,
    event.account_id,
    account.account_sk,
    account.customer_id as payer_customer_id,
    event.invoice_id,
    event.subscription_id,
    version.subscription_sk,
    event.occurred_at,
    event.occurred_date,
    event.posted_month,
    event.event_type,
    due.due_date as document_due_date,
    {{ dbt.datediff('due.due_date', 'event.occurred_date', 'day') }} as overdue_days, -- noqa: LT05
    event.currency_code,
    event.amount
from {{ ref('int_collection_posted') }} as event
left join due
    on event.account_id = due.account_id
        and event.invoice_id = due.invoice_id
        and event.currency_code = due.currency_code
left join {{ ref('dim_account') }} as account
    on event.account_id = account.account_id and {{ version_at('account', 'event.occurred_at') }}
left join {{ ref('dim_subscription') }} as version
    on event.subscription_id = version.subscription_id and {{ version_at('version', 'event.occurred_at') }}
