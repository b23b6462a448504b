-- Signals of what surrounds a line: its account's dunned bills, its owner's points, rivals in its region, the other
-- lines of its bundle. They reach the lines that belonged there on each day; on the day of a change, both.
with versions as (

    select
        subscription_id,
        customer_id,
        account_id,
        region_id,
        service_line,
        plan_type,
        {{ local_date('valid_from_at') }} as from_date,
        {{ local_date('valid_to_at') }} as to_date
    from {{ ref('dim_subscription') }}

),

dunned as (

    select
        account_id,
        invoice_id,
        currency_code,
        min(occurred_at) as dunned_at,
        min(occurred_at) filter (where event_type = 'write_off') as written_off_at,
        max(amount) as amount
    from {{ ref('stg_billing__collection_event') }}
    where event_type in ('reminder', 'call', 'promise', 'suspension', 'write_off')
        and occurred_at < {{ as_of_end_at() }}
    group by account_id, invoice_id, currency_code

),

paid as (

    select
        dunned.invoice_id,
        payment.paid_at,
        dunned.amount,
        sum(payment.amount) over (partition by dunned.invoice_id order by payment.paid_at, payment.payment_id)
            as paid_amount
    from dunned
    inner join {{ ref('stg_billing__payment') }} as payment
        on dunned.invoice_id = payment.invoice_id
            and payment.paid_at > dunned.dunned_at
            and payment.paid_at < {{ as_of_end_at() }}

),

settled as (

    select
        invoice_id,
        min(paid_at) as paid_at
    from paid
    where paid_amount >= amount
    group by invoice_id

),

arrears as (

    select
        dunned.account_id,
        {{ local_date('dunned.dunned_at') }} as from_date,
        {{ date_plus(local_date('least(settled.paid_at, dunned.written_off_at)'), -1) }} as to_date,
        'Bill dunned since ' || cast({{ local_date('dunned.dunned_at') }} as {{ dbt.type_string() }}) || ', open '
        || cast(dunned.amount as {{ dbt.type_string() }}) || ' ' || dunned.currency_code as evidence
    from dunned
    left join settled
        on dunned.invoice_id = settled.invoice_id

),

emptied as (

    select
        customer_id,
        transaction_type,
        points,
        balance_points,
        occurred_date as from_date,
        min(case when points > 0 then occurred_date end) over (
            partition by customer_id
            order by occurred_at, loyalty_transaction_id
            rows between 1 following and unbounded following
        ) as earned_date
    from {{ ref('fct_loyalty_point') }}

),

bundled as (

    select
        held.subscription_id,
        held.offer_id,
        versions.account_id,
        greatest({{ local_date('held.started_at') }}, versions.from_date) as from_date,
        least(coalesce({{ local_date('held.ended_at') }}, versions.to_date), versions.to_date) as to_date
    from {{ ref('int_subscribed_offer_history') }} as held
    inner join {{ ref('dim_offer') }} as offer
        on held.offer_id = offer.offer_id and offer.is_current and offer.offer_type = 'bundle'
    inner join versions
        on held.subscription_id = versions.subscription_id
    where held.is_current

),

partners as (

    select
        stayed.subscription_id,
        left_line.subscription_id as partner_subscription_id,
        {{ local_date('presence.left_at') }} as left_date
    from {{ ref('int_subscription_presence') }} as presence
    inner join bundled as left_line
        on presence.subscription_id = left_line.subscription_id
            and {{ local_date('presence.left_at') }} between left_line.from_date and left_line.to_date
    inner join bundled as stayed
        on left_line.account_id = stayed.account_id
            and left_line.offer_id = stayed.offer_id
            and left_line.subscription_id <> stayed.subscription_id
            and {{ local_date('presence.left_at') }} between stayed.from_date and stayed.to_date

)

select
    versions.subscription_id,
    'arrears' as signal_code,
    greatest(versions.from_date, arrears.from_date) as from_date,
    least(versions.to_date, arrears.to_date) as to_date,
    arrears.evidence
from arrears
inner join versions
    on arrears.account_id = versions.account_id and versions.plan_type = 'postpaid'

union all

select
    versions.subscription_id,
    rule.signal_code,
    greatest(versions.from_date, emptied.from_date) as from_date,
    least(
        versions.to_date,
        {{ date_plus('emptied.earned_date', -1) }},
        {{ date_plus('emptied.from_date', 'rule.window_days - 1') }}
    ) as to_date,
    'Points redeemed to ' || cast(emptied.balance_points as {{ dbt.type_string() }}) || ' on '
    || cast(emptied.from_date as {{ dbt.type_string() }}) as evidence
from emptied
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'points_to_zero' and emptied.balance_points <= rule.threshold_value
inner join versions
    on emptied.customer_id = versions.customer_id
where emptied.transaction_type = 'redeem'

union all

select
    versions.subscription_id,
    'rival_campaign' as signal_code,
    greatest(versions.from_date, campaign.start_date) as from_date,
    least(versions.to_date, campaign.end_date) as to_date,
    'Campaign of ' || campaign.rival_name || ' in ' || campaign.region_id
    || coalesce(', ' || cast(cast(campaign.discount_percent as integer) as {{ dbt.type_string() }}) || ' % off', '')
        as evidence
from {{ ref('stg_market__rival_campaign') }} as campaign
inner join versions
    on campaign.region_id = versions.region_id
        and campaign.service_line = versions.service_line
        and campaign.plan_type = versions.plan_type
where campaign.effective_at < {{ as_of_end_at() }}
    and not exists (
        select 1
        from {{ ref('stg_market__rival_campaign') }} as later
        where later.rival_campaign_id = campaign.rival_campaign_id
            and later.effective_at > campaign.effective_at
            and later.effective_at < {{ as_of_end_at() }}
    )

union all

select
    partners.subscription_id,
    rule.signal_code,
    partners.left_date as from_date,
    {{ date_plus('partners.left_date', 'rule.window_days - 1') }} as to_date,
    'Line ' || partners.partner_subscription_id || ' of the bundle left on '
    || cast(partners.left_date as {{ dbt.type_string() }}) as evidence
from partners
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'bundle_partner_left'
