-- The lines an account's own charges are shared among, per service month: in proportion to their recurring charges,
-- else equally among the lines billed to the account. share_rank 1 is the largest line, which takes the remainder.
with recurring as (

    select
        account_id,
        service_month,
        currency_code,
        subscription_id,
        sum(net_amount) as weight
    from {{ ref('int_invoice_line_posted') }}
    where subscription_id is not null and charge_type = 'recurring'
    group by account_id, service_month, currency_code, subscription_id
    having sum(net_amount) > 0

),

-- Only what account-level charges ask for is worked out.
charged as (

    select distinct
        account_id,
        service_month,
        currency_code
    from {{ ref('int_invoice_line_posted') }}
    where subscription_id is null

),

served as (

    select
        charged.account_id,
        charged.service_month,
        charged.currency_code,
        version.subscription_id,
        cast(1 as numeric) as weight
    from charged
    inner join {{ ref('dim_subscription') }} as version
        on charged.account_id = version.account_id
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on version.subscription_id = lifetime.subscription_id
            and lifetime.activated_at < {{ local_midnight(date_plus('charged.service_month', 1, 'month')) }}
            and (
                lifetime.terminated_at is null
                or lifetime.terminated_at >= {{ local_midnight('charged.service_month') }}
            )
            and {{ version_before(
                'version',
                "least(coalesce(lifetime.terminated_at, " ~ end_of_time() ~ "), "
                ~ local_midnight(date_plus('charged.service_month', 1, 'month')) ~ ")"
            ) }}

),

weighted as (

    select
        charged.account_id,
        charged.service_month,
        charged.currency_code,
        recurring.subscription_id,
        recurring.weight,
        'recurring_share' as allocation_method
    from charged
    inner join recurring
        on charged.account_id = recurring.account_id
            and charged.service_month = recurring.service_month
            and charged.currency_code = recurring.currency_code

    union all

    select
        served.account_id,
        served.service_month,
        served.currency_code,
        served.subscription_id,
        served.weight,
        'equal_share' as allocation_method
    from served
    where
        not exists (
            select 1
            from recurring
            where recurring.account_id = served.account_id
                and recurring.service_month = served.service_month
                and recurring.currency_code = served.currency_code
        )

)

select
    account_id,
    service_month,
    currency_code,
    subscription_id,
    allocation_method,
    weight,
    sum(weight) over (partition by account_id, service_month, currency_code) as total_weight,
    cast(
        row_number() over (
            partition by account_id, service_month, currency_code order by weight desc, subscription_id asc
        ) as integer
    ) as share_rank
from weighted
