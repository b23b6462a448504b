{{ with_known_partitions('service_month') }}

-- The lines that share an account's own charges, per service month. A bundle is shared by stand-alone price, where that
-- is known for every line it serves; other charges in proportion to the lines' recurring charges; what neither can
-- share, equally among the lines served. share_rank 1 is the largest line, which takes the remainder.
{%- set place = ['account_id', 'service_month', 'currency_code', 'bundle_offer_id'] %}
with served as (

    select
        *,
        count(*) over (partition by {{ place | join(', ') }}) as line_count,
        count(stand_alone_price) over (partition by {{ place | join(', ') }}) as priced_count,
        sum(stand_alone_price) over (partition by {{ place | join(', ') }}) as total_price
    from {{ ref('int_account_line_served') }}

),

priced as (

    select
        {{ place | join(',\n        ') }},
        subscription_id,
        stand_alone_price as weight,
        'stand_alone_price' as allocation_method
    from served
    where bundle_offer_id <> '' and priced_count = line_count and total_price > 0

),

recurring as (

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

-- What has no price to go by.
other as (

    select distinct
        charge.account_id,
        charge.service_month,
        charge.currency_code,
        charge.bundle_offer_id
    from {{ ref('int_account_charge') }} as charge
    where
        not exists (
            select 1
            from priced
            where priced.account_id = charge.account_id
                and priced.service_month = charge.service_month
                and priced.currency_code = charge.currency_code
                and priced.bundle_offer_id = charge.bundle_offer_id
        )

),

by_recurring as (

    select
        other.account_id,
        other.service_month,
        other.currency_code,
        other.bundle_offer_id,
        recurring.subscription_id,
        recurring.weight,
        'recurring_share' as allocation_method
    from other
    inner join recurring
        on other.account_id = recurring.account_id
            and other.service_month = recurring.service_month
            and other.currency_code = recurring.currency_code

),

equally as (

    select
        other.account_id,
        other.service_month,
        other.currency_code,
        other.bundle_offer_id,
        served.subscription_id,
        cast(1 as numeric) as weight,
        'equal_share' as allocation_method
    from other
    inner join served
        on other.account_id = served.account_id
            and other.service_month = served.service_month
            and other.currency_code = served.currency_code
            and other.bundle_offer_id = served.bundle_offer_id
    where
        not exists (
            select 1
            from recurring
            where recurring.account_id = other.account_id
                and recurring.service_month = other.service_month
                and recurring.currency_code = other.currency_code
        )

),

weighted as (

    select * from priced
    union all
    select * from by_recurring
    union all
    select * from equally

)

select
    {{ place | join(',\n    ') }},
    subscription_id,
    allocation_method,
    weight,
    sum(weight) over (partition by {{ place | join(', ') }}) as total_weight,
    cast(
        row_number() over (
            partition by {{ place | join(', ') }} order by weight desc, subscription_id asc
        ) as integer
    ) as share_rank
from weighted
