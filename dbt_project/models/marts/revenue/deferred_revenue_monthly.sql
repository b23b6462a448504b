-- Movements are those of the month; a subscription with nothing left and no movement has no row.
{%- set measures = [
    'opening_amount', 'topped_up_amount', 'used_amount', 'expired_amount', 'closing_amount', 'uncovered_amount'
] %}
with balances as (

    select
        subscription_id,
        currency_code,
        posted_month,
        balance_amount,
        lead(posted_month) over (partition by subscription_id, currency_code order by step_number) as next_month
    from {{ ref('int_topup_balance_step') }}

),

parts as (

    select
        posted_month as month,
        subscription_id,
        currency_code,
        0 as opening_amount,
        topped_up_amount,
        used_amount,
        expired_amount,
        0 as closing_amount,
        uncovered_amount
    from {{ ref('int_topup_balance_step') }}
    where topped_up_amount <> 0 or used_amount <> 0 or expired_amount <> 0 or uncovered_amount <> 0

    union all

    select
        months.month,
        balances.subscription_id,
        balances.currency_code,
        balances.balance_amount as opening_amount,
        0 as topped_up_amount,
        0 as used_amount,
        0 as expired_amount,
        0 as closing_amount,
        0 as uncovered_amount
    from balances
    inner join {{ ref('int_month') }} as months
        on balances.posted_month < months.month
            and (balances.next_month is null or balances.next_month >= months.month)
    where balances.balance_amount <> 0

    union all

    select
        months.month,
        balances.subscription_id,
        balances.currency_code,
        0 as opening_amount,
        0 as topped_up_amount,
        0 as used_amount,
        0 as expired_amount,
        balances.balance_amount as closing_amount,
        0 as uncovered_amount
    from balances
    inner join {{ ref('int_month') }} as months
        on balances.posted_month <= months.month
            and (balances.next_month is null or balances.next_month > months.month)
    where balances.balance_amount <> 0

),

summed as (

    select
        month,
        subscription_id,
        currency_code,
        {%- for measure in measures %}
            sum({{ measure }}) as {{ measure }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from parts
    group by month, subscription_id, currency_code

)

select
    summed.month,
    summed.subscription_id,
    version.subscription_sk,
    version.customer_id,
    summed.currency_code,
    months.is_month_closed,
    months.is_open_month,
    {%- for measure in measures %}
        summed.{{ measure }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from summed
inner join {{ ref('int_month') }} as months
    on summed.month = months.month
left join {{ ref('int_subscription_lifetime') }} as lifetime
    on summed.subscription_id = lifetime.subscription_id
left join {{ ref('dim_subscription') }} as version
    on summed.subscription_id = version.subscription_id
        and {{ version_before(
            'version', "least(coalesce(lifetime.terminated_at, " ~ end_of_time() ~ "), months.end_at)"
        ) }}
