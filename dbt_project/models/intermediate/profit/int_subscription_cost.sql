{{ config(pre_hook=large_memory()) }}

-- Costs brought down to subscriptions. What is booked on a subscription stays there; what is booked on a region (and a
-- campaign) is shared among its subscriptions by what they caused at unit cost, the largest taking the remainder of
-- the cents; where nobody caused anything it stays unallocated. Unit costs count only in a month for which nothing of
-- the kind was booked at all.
with pools as (

    select
        posted_month,
        cost_month,
        cost_kind,
        region_id,
        coalesce(campaign_id, '') as campaign_id,
        purpose_name,
        currency_code,
        sum(amount) as amount
    from {{ ref('int_cost_posted') }}
    where subscription_id is null
    group by posted_month, cost_month, cost_kind, region_id, coalesce(campaign_id, ''), purpose_name, currency_code

),

shared as (

    select
        pools.*,
        driver.subscription_id,
        driver.unit_cost_amount as weight,
        sum(driver.unit_cost_amount) over (
            partition by
                pools.posted_month,
                pools.cost_month,
                pools.cost_kind,
                pools.region_id,
                pools.campaign_id,
                pools.currency_code
        ) as total_weight
    from pools
    left join {{ ref('int_cost_driver') }} as driver
        on pools.cost_month = driver.month
            and pools.cost_kind = driver.cost_kind
            and pools.region_id = driver.region_id
            and pools.campaign_id = driver.campaign_id
            and pools.currency_code = driver.currency_code
            and driver.subscription_id <> 'unallocated'

),

rounded as (

    select
        *,
        coalesce(round(amount * weight / total_weight, 2), amount) as share_amount,
        row_number() over (
            partition by posted_month, cost_month, cost_kind, region_id, campaign_id, currency_code
            order by weight desc, subscription_id asc
        ) as share_rank
    from shared

),

allocated as (

    select
        *,
        amount - sum(share_amount) over (
            partition by posted_month, cost_month, cost_kind, region_id, campaign_id, currency_code
        ) as remainder_amount
    from rounded

),

booked_kinds as (

    select distinct
        cost_month,
        cost_kind
    from {{ ref('int_cost_posted') }}

),

costs as (

    select
        posted_month as month,
        subscription_id,
        region_id,
        currency_code,
        cost_kind,
        purpose_name,
        'direct' as method_name,
        amount
    from {{ ref('int_cost_posted') }}
    where subscription_id is not null

    union all

    select
        posted_month as month,
        coalesce(subscription_id, 'unallocated') as subscription_id,
        region_id,
        currency_code,
        cost_kind,
        purpose_name,
        case when subscription_id is null then 'unallocated' else 'allocated' end as method_name,
        share_amount + case when share_rank = 1 then remainder_amount else 0 end as amount
    from allocated

    union all

    select
        driver.month,
        driver.subscription_id,
        driver.region_id,
        driver.currency_code,
        driver.cost_kind,
        driver.purpose_name,
        'unit_cost' as method_name,
        round(driver.unit_cost_amount, 2) as amount
    from {{ ref('int_cost_driver') }} as driver
    left join booked_kinds
        on driver.month = booked_kinds.cost_month and driver.cost_kind = booked_kinds.cost_kind
    where booked_kinds.cost_month is null

    union all

    select
        month,
        subscription_id,
        'unknown' as region_id,
        currency_code,
        'bad_debt' as cost_kind,
        '' as purpose_name,
        method_name,
        amount
    from {{ ref('int_bad_debt') }}

)

select
    month,
    subscription_id,
    region_id,
    currency_code,
    cost_kind,
    purpose_name,
    method_name,
    sum(amount) as amount
from costs
group by month, subscription_id, region_id, currency_code, cost_kind, purpose_name, method_name
