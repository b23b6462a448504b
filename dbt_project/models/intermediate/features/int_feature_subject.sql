-- The subscriptions on the network at the end of each feature date, with the versions that describe them then.
with present as (

    select
        dates.as_of_date,
        dates.as_of_end_at,
        dates.is_scoring,
        presence.subscription_id
    from {{ ref('int_feature_date') }} as dates
    inner join {{ ref('int_subscription_presence') }} as presence
        on presence.joined_at < dates.as_of_end_at
            and (presence.left_at is null or presence.left_at >= dates.as_of_end_at)
    -- Nothing is predicted about people who were erased.
    where presence.subscription_id not like 'erased-%'

)

select
    present.as_of_date,
    present.as_of_end_at,
    present.is_scoring,
    present.subscription_id,
    version.subscription_sk,
    version.customer_id,
    version.account_id,
    version.region_id,
    version.channel_id,
    version.main_offer_id,
    version.brand_name,
    version.service_line,
    version.plan_type,
    version.predecessor_subscription_id is not null as is_returning_customer,
    lifetime.activated_date,
    {{ dbt.datediff('lifetime.activated_date', 'present.as_of_date', 'day') }} as tenure_days, -- noqa: LT05
    count(*) over (partition by present.as_of_date, version.customer_id) as owner_line_count,
    count(*) over (partition by present.as_of_date, version.account_id) as account_line_count
from present
inner join {{ ref('dim_subscription') }} as version
    on present.subscription_id = version.subscription_id and {{ version_before('version', 'present.as_of_end_at') }}
inner join {{ ref('int_subscription_lifetime') }} as lifetime
    on present.subscription_id = lifetime.subscription_id
