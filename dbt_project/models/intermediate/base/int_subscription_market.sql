-- The market of each subscription month, exclusive, by who pays: group, else family, else individual. A payer is a
-- family with a family relation in force on the last day, or with a line that holds a bundle then.
with payers as (

    select
        movement.month,
        movement.subscription_id,
        movement.closing_at,
        {{ local_date("movement.closing_at - interval '1 microsecond'") }} as closing_date,
        coalesce(account.customer_id, version.customer_id) as payer_customer_id
    from {{ ref('int_subscription_month') }} as movement
    inner join {{ ref('dim_subscription') }} as version
        on movement.closing_subscription_sk = version.subscription_sk
    left join {{ ref('dim_account') }} as account
        on version.account_id = account.account_id and {{ version_before('account', 'movement.closing_at') }}

),

relations as (

    select
        from_customer_id,
        to_customer_id,
        valid_from_date,
        valid_to_date
    from {{ ref('bridge_customer_relation') }}
    where relation_type = 'family'

),

relatives as (

    select
        from_customer_id as customer_id,
        valid_from_date,
        valid_to_date
    from relations

    union all

    select
        to_customer_id as customer_id,
        valid_from_date,
        valid_to_date
    from relations

),

family_relation as (

    select distinct
        payers.month,
        payers.subscription_id
    from payers
    inner join relatives
        on payers.payer_customer_id = relatives.customer_id
            and payers.closing_date >= relatives.valid_from_date
            and (relatives.valid_to_date is null or payers.closing_date < relatives.valid_to_date)

),

bundle_payer as (

    select distinct
        payers.month,
        payers.payer_customer_id
    from payers
    inner join {{ ref('bridge_subscription_offer') }} as held
        on payers.subscription_id = held.subscription_id
            and payers.closing_at > held.valid_from_at
            and payers.closing_at <= held.valid_to_at
    where held.offer_type = 'bundle'

)

select
    payers.month,
    payers.subscription_id,
    payers.payer_customer_id,
    case
        when customer.customer_type = 'group' then 'group'
        when family_relation.subscription_id is not null or bundle_payer.payer_customer_id is not null then 'family'
        else 'individual'
    end as market_type
from payers
left join {{ ref('dim_customer') }} as customer
    on payers.payer_customer_id = customer.customer_id and {{ version_before('customer', 'payers.closing_at') }}
left join family_relation
    on payers.month = family_relation.month and payers.subscription_id = family_relation.subscription_id
left join bundle_payer
    on payers.month = bundle_payer.month and payers.payer_customer_id = bundle_payer.payer_customer_id
