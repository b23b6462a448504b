-- The money that prepaid subscriptions have topped up and not used, step by step: a top-up adds to it, the statement of
-- a month takes its charges (with tax) from it at the end of the month, and what is left expires when the subscription
-- leaves: at inactive churn at once, at termination after the month's statement. It never falls below zero; a charge or
-- a refund that no known balance covers is `uncovered_amount`. Within a time between two expiries the balance is the
-- plain running sum less its own lowest point so far.
with topups as (

    select
        topup.subscription_id,
        topup.currency_code,
        {{ posted_month('topup.topup_date', known_date('topup.topup_date', 'delivered')) }} as posted_month,
        topup.topped_up_at as happened_at,
        topup.topup_id as step_key,
        topup.amount
    from {{ ref('fct_topup') }} as topup
    inner join {{ ref('stg_usage__topup') }} as delivered
        on topup.topup_id = delivered.topup_id

),

statements as (

    select
        subscription_id,
        currency_code,
        posted_month,
        sum(net_amount + tax_amount) as amount
    from {{ ref('fct_revenue') }}
    where document_type = 'statement'
    group by subscription_id, currency_code, posted_month

),

currencies as (

    select
        subscription_id,
        currency_code
    from topups

    union

    select
        subscription_id,
        currency_code
    from statements

),

steps as (

    select
        subscription_id,
        currency_code,
        posted_month,
        1 as phase,
        happened_at,
        'topup' as step_type,
        step_key,
        amount
    from topups

    union all

    select
        silent.subscription_id,
        currencies.currency_code,
        {{ month_of('silent.inactive_date') }} as posted_month,
        1 as phase,
        silent.inactive_at as happened_at,
        'expiry' as step_type,
        '' as step_key,
        0 as amount
    from {{ ref('int_inactive_period') }} as silent
    inner join currencies
        on silent.subscription_id = currencies.subscription_id

    union all

    select
        subscription_id,
        currency_code,
        posted_month,
        2 as phase,
        {{ end_of_time() }} as happened_at,
        'statement' as step_type,
        '' as step_key,
        -1 * amount as amount
    from statements

    union all

    select
        lifetime.subscription_id,
        currencies.currency_code,
        {{ month_of(local_date('lifetime.terminated_at')) }} as posted_month,
        3 as phase,
        lifetime.terminated_at as happened_at,
        'expiry' as step_type,
        '' as step_key,
        0 as amount
    from {{ ref('int_subscription_lifetime') }} as lifetime
    inner join currencies
        on lifetime.subscription_id = currencies.subscription_id
    where lifetime.terminated_at is not null

),

numbered as (

    select
        *,
        row_number() over (
            partition by subscription_id, currency_code
            order by posted_month, phase, happened_at, step_type, step_key
        ) as step_number
    from steps

),

between_expiries as (

    select
        *,
        coalesce(
            sum(case when step_type = 'expiry' then 1 else 0 end) over (
                partition by subscription_id, currency_code
                order by step_number
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as expiries_before
    from numbered

),

summed as (

    select
        *,
        sum(amount) over (
            partition by subscription_id, currency_code, expiries_before
            order by step_number
            rows unbounded preceding
        ) as running_amount
    from between_expiries

),

floored as (

    select
        *,
        running_amount - least(
            0, min(running_amount) over (
                partition by subscription_id, currency_code, expiries_before
                order by step_number
                rows unbounded preceding
            )
        ) as kept_amount
    from summed

),

compared as (

    select
        *,
        coalesce(
            lag(kept_amount) over (
                partition by subscription_id, currency_code, expiries_before order by step_number
            ), 0
        ) as before_amount
    from floored

)

select
    subscription_id,
    currency_code,
    posted_month,
    step_number,
    step_type,
    case when step_type = 'topup' then kept_amount - before_amount else 0 end as topped_up_amount,
    case when step_type = 'statement' then before_amount - kept_amount else 0 end as used_amount,
    case when step_type = 'expiry' then before_amount else 0 end as expired_amount,
    kept_amount - before_amount - amount as uncovered_amount,
    case when step_type = 'expiry' then 0 else kept_amount end as balance_amount
from compared
