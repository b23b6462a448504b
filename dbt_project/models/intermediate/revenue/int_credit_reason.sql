-- Why an account is, or was, on the credit blacklist, by the rules of the seed: put there by the operator; a bill
-- written off and not recovered in full; several bills dunned within a time while something is overdue.
with rules as (

    select
        rule_code,
        min_event_count,
        window_days
    from {{ ref('credit_blacklist_rule') }}
    where is_enabled

),

as_of as (

    select as_of_date from {{ ref('int_as_of_date') }}

),

recent as (

    select
        event.account_id,
        event.currency_code,
        event.invoice_id,
        event.event_type,
        event.occurred_at,
        event.occurred_date,
        event.amount,
        event.collection_event_id,
        rules.rule_code,
        rules.min_event_count
    from {{ ref('int_collection_posted') }} as event
    cross join as_of
    inner join rules
        on (
            (rules.rule_code = 'operator_listed' and event.event_type in ('blacklisted', 'unblacklisted'))
            or (rules.rule_code = 'written_off' and event.event_type = 'write_off')
            or (rules.rule_code = 'repeatedly_dunned' and event.event_type = 'reminder')
        )
        and (
            rules.window_days is null
            or {{ dbt.datediff('event.occurred_date', 'as_of.as_of_date', 'day') }} < rules.window_days -- noqa: LT05
        )

),

listing as (

    select
        *,
        row_number() over (
            partition by account_id, currency_code order by occurred_at desc, collection_event_id desc
        ) as recency
    from recent
    where rule_code = 'operator_listed'

),

listed as (

    select
        account_id,
        currency_code,
        'operator_listed' as rule_code,
        max(occurred_date) filter (where event_type = 'blacklisted') as since_date,
        {{ dbt.bool_or("recency = 1 and event_type = 'blacklisted'") }} as is_active
    from listing
    group by account_id, currency_code

),

recovered as (

    select
        account_id,
        currency_code,
        invoice_id,
        sum(recovered_amount) as amount
    from {{ ref('int_receivable_recovery') }}
    group by account_id, currency_code, invoice_id

),

given_up as (

    select
        account_id,
        currency_code,
        invoice_id,
        min_event_count,
        min(occurred_date) as written_off_date,
        sum(amount) as amount
    from recent
    where rule_code = 'written_off'
    group by account_id, currency_code, invoice_id, min_event_count

),

lost as (

    select
        given_up.account_id,
        given_up.currency_code,
        'written_off' as rule_code,
        coalesce(
            min(given_up.written_off_date) filter (where given_up.amount > coalesce(recovered.amount, 0)),
            min(given_up.written_off_date)
        ) as since_date,
        count(*) filter (where given_up.amount > coalesce(recovered.amount, 0)) >= max(given_up.min_event_count)
            as is_active
    from given_up
    left join recovered
        on given_up.account_id = recovered.account_id
            and given_up.currency_code = recovered.currency_code
            and given_up.invoice_id = recovered.invoice_id
    group by given_up.account_id, given_up.currency_code
    having count(*) >= max(given_up.min_event_count)

),

reminded as (

    select
        account_id,
        currency_code,
        invoice_id,
        min_event_count,
        min(occurred_date) as reminded_date
    from recent
    where rule_code = 'repeatedly_dunned'
    group by account_id, currency_code, invoice_id, min_event_count

),

counted as (

    select
        *,
        row_number() over (
            partition by account_id, currency_code order by reminded_date, invoice_id
        ) as reminder_number
    from reminded

),

overdue as (

    select
        document.account_id,
        document.currency_code
    from {{ ref('int_receivable_document_month') }} as document
    inner join {{ ref('int_month') }} as months
        on document.month = months.month and months.is_open_month
    where document.open_amount > 0 and document.overdue_days > 0
    group by document.account_id, document.currency_code

),

dunned as (

    select
        counted.account_id,
        counted.currency_code,
        'repeatedly_dunned' as rule_code,
        counted.reminded_date as since_date,
        overdue.account_id is not null as is_active
    from counted
    left join overdue
        on counted.account_id = overdue.account_id and counted.currency_code = overdue.currency_code
    where counted.reminder_number = counted.min_event_count

)

select * from listed
union all
select * from lost
union all
select * from dunned
