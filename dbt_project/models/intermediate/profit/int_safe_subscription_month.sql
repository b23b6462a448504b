-- Lines that nothing threatened as the month began: bound by a contract that runs on for longer than the warning time
-- of an expiring one, no complaint and no reminder of a debt in the last 90 days, and the revenue of the month before
-- not far below the own mean of the three before it. A line without a contract is never called safe.
with opened as (

    select
        movement.month,
        months.start_at,
        movement.subscription_id,
        version.account_id
    from {{ ref('int_subscription_month') }} as movement
    inner join {{ ref('int_month') }} as months
        on movement.month = months.month
    inner join {{ ref('dim_subscription') }} as version
        on movement.opening_subscription_sk = version.subscription_sk
    where movement.is_opening

),

bound as (

    select distinct
        opened.month,
        opened.subscription_id
    from opened
    inner join {{ ref('int_contract_history') }} as contract
        on opened.subscription_id = contract.subscription_id
            and {{ version_before('contract', 'opened.start_at') }}
            and contract.start_date < opened.month
            and contract.end_date >= {{ date_plus('opened.month', var('safe_contract_days')) }}

),

complained as (

    select distinct
        opened.month,
        opened.subscription_id
    from opened
    inner join {{ ref('stg_care__ticket') }} as ticket
        on opened.subscription_id = ticket.subscription_id
            and ticket.ticket_type = 'complaint'
            and ticket.opened_at < opened.start_at
            and {{ local_date('ticket.opened_at') }} >= {{ date_plus('opened.month', -90) }}

),

owing as (

    select distinct
        opened.month,
        opened.subscription_id
    from opened
    inner join {{ ref('stg_billing__collection_event') }} as event
        on opened.account_id = event.account_id
            and event.occurred_at < opened.start_at
            and {{ local_date('event.occurred_at') }} >= {{ date_plus('opened.month', -90) }}

),

fallen as (

    select
        opened.month,
        opened.subscription_id
    from opened
    inner join {{ ref('int_revenue_monthly') }} as latest
        on opened.subscription_id = latest.subscription_id
            and latest.month = {{ date_plus('opened.month', -1, 'month') }}
    inner join {{ ref('int_revenue_monthly') }} as earlier
        on opened.subscription_id = earlier.subscription_id
            and latest.currency_code = earlier.currency_code
            and earlier.month < {{ date_plus('opened.month', -1, 'month') }}
            and earlier.month >= {{ date_plus('opened.month', -4, 'month') }}
    group by opened.month, opened.subscription_id, latest.currency_code, latest.service_revenue_amount
    having coalesce(latest.service_revenue_amount, 0) < 0.7 * avg(coalesce(earlier.service_revenue_amount, 0))

)

select
    bound.month,
    bound.subscription_id
from bound
left join complained
    on bound.month = complained.month and bound.subscription_id = complained.subscription_id
left join owing
    on bound.month = owing.month and bound.subscription_id = owing.subscription_id
where complained.month is null
    and owing.month is null
    and not exists (
        select 1
        from fallen
        where fallen.month = bound.month and fallen.subscription_id = bound.subscription_id
    )
