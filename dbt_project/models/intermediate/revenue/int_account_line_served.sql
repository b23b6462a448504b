-- The lines that an account's own charges serve, per service month: the lines billed to the account at the end of the
-- month, or when they were terminated in it. A bundle serves those of them that hold it, where its holders are
-- delivered; else all. The stand-alone price is the fee of the line's main offer in force then, in the currency
-- charged.
with charged as (

    select distinct
        account_id,
        service_month,
        currency_code,
        bundle_offer_id
    from {{ ref('int_account_charge') }}

),

billed as (

    select distinct
        account_id,
        subscription_id
    from {{ ref('dim_subscription') }}

),

lived as (

    select
        charged.account_id,
        charged.service_month,
        charged.currency_code,
        charged.bundle_offer_id,
        lifetime.subscription_id,
        least(
            coalesce(lifetime.terminated_at, {{ end_of_time() }}),
            {{ local_midnight(date_plus('charged.service_month', 1, 'month')) }}
        ) as seen_at
    from charged
    inner join billed
        on charged.account_id = billed.account_id
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on billed.subscription_id = lifetime.subscription_id
            and lifetime.activated_at < {{ local_midnight(date_plus('charged.service_month', 1, 'month')) }}
            and (
                lifetime.terminated_at is null
                or lifetime.terminated_at >= {{ local_midnight('charged.service_month') }}
            )

),

served as (

    select
        lived.*,
        version.main_offer_id
    from lived
    inner join {{ ref('dim_subscription') }} as version
        on lived.subscription_id = version.subscription_id
            and lived.account_id = version.account_id
            and {{ version_before('version', 'lived.seen_at') }}

),

holding as (

    select distinct
        served.account_id,
        served.service_month,
        served.currency_code,
        served.bundle_offer_id,
        served.subscription_id
    from served
    inner join {{ ref('int_subscribed_offer_history') }} as held
        on served.subscription_id = held.subscription_id
            and served.bundle_offer_id = held.offer_id
            and held.started_at < served.seen_at
            and (held.ended_at is null or held.ended_at >= served.seen_at)
            and {{ version_before('held', 'served.seen_at') }}

),

marked as (

    select
        served.*,
        holding.subscription_id is not null as is_holder,
        {{ dbt.bool_or('holding.subscription_id is not null') }} over (
            partition by served.account_id, served.service_month, served.currency_code, served.bundle_offer_id
        ) as has_holders
    from served
    left join holding
        on served.account_id = holding.account_id
            and served.service_month = holding.service_month
            and served.currency_code = holding.currency_code
            and served.bundle_offer_id = holding.bundle_offer_id
            and served.subscription_id = holding.subscription_id

)

select
    marked.account_id,
    marked.service_month,
    marked.currency_code,
    marked.bundle_offer_id,
    marked.subscription_id,
    price.monthly_fee_amount as stand_alone_price
from marked
left join {{ ref('dim_offer') }} as price
    on marked.main_offer_id = price.offer_id
        and marked.currency_code = price.currency_code
        and {{ version_before('price', 'marked.seen_at') }}
where marked.is_holder or not marked.has_holders
