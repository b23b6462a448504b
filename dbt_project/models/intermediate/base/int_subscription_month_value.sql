{{ with_known_partitions('month') }}

-- Revenue and value tier of each subscription month. The tier at the end of a month comes from the mean service revenue
-- of the last three billed months (fewer at the start of the history) and from the tenure; an approval in force on the
-- last day can raise it.
with subscription_months as (

    select
        movement.month,
        months.is_revenue_delivered,
        movement.subscription_id,
        movement.closing_at,
        {{ local_date("movement.closing_at - interval '1 microsecond'") }} as closing_date,
        {{ dbt.datediff(
            'lifetime.activated_date', local_date("movement.closing_at - interval '1 microsecond'"), 'day'
        ) }} as tenure_days, -- noqa: LT05
        account.currency_code
    from {{ ref('int_subscription_month') }} as movement
    inner join {{ ref('int_month') }} as months
        on movement.month = months.month
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on movement.subscription_id = lifetime.subscription_id
    inner join {{ ref('dim_subscription') }} as version
        on movement.closing_subscription_sk = version.subscription_sk
    left join {{ ref('dim_account') }} as account
        on version.account_id = account.account_id and {{ version_before('account', 'movement.closing_at') }}

),

billed_rank as (

    select
        months.month,
        billed.month as billed_month,
        row_number() over (partition by months.month order by billed.month desc) as recency
    from {{ ref('int_month') }} as months
    inner join {{ ref('int_month') }} as billed
        on billed.month <= months.month and billed.is_revenue_delivered

),

billed_window as (

    select
        month,
        billed_month,
        count(*) over (partition by month) as billed_month_count
    from billed_rank
    where recency <= 3

),

trailing_revenue as (

    select
        subscription_months.month,
        subscription_months.subscription_id,
        sum(coalesce(revenue.service_revenue_amount, 0)) / max(billed_window.billed_month_count)
            as mean_revenue_amount
    from subscription_months
    inner join billed_window
        on subscription_months.month = billed_window.month
    left join {{ ref('int_revenue_monthly') }} as revenue
        on subscription_months.subscription_id = revenue.subscription_id
            and subscription_months.currency_code = revenue.currency_code
            and billed_window.billed_month = revenue.month
    group by subscription_months.month, subscription_months.subscription_id

),

tiers_met as (

    select
        subscription_months.month,
        subscription_months.subscription_id,
        tier.value_tier,
        tier.tier_rank,
        'rule' as value_tier_source
    from subscription_months
    inner join trailing_revenue
        on subscription_months.month = trailing_revenue.month
            and subscription_months.subscription_id = trailing_revenue.subscription_id
    inner join {{ ref('value_tier') }} as tier
        on subscription_months.currency_code = tier.currency_code
            and subscription_months.tenure_days >= tier.min_tenure_days
            and (
                tier.min_mean_revenue_amount is null
                or trailing_revenue.mean_revenue_amount >= tier.min_mean_revenue_amount
            )

    union all

    select
        subscription_months.month,
        subscription_months.subscription_id,
        tier.value_tier,
        tier.tier_rank,
        'approval' as value_tier_source
    from subscription_months
    inner join {{ ref('value_tier_approval') }} as approval
        on subscription_months.subscription_id = approval.subscription_id
            and subscription_months.closing_date >= approval.valid_from_date
            and (approval.valid_to_date is null or subscription_months.closing_date <= approval.valid_to_date)
    inner join {{ ref('value_tier') }} as tier
        on subscription_months.currency_code = tier.currency_code and approval.value_tier = tier.value_tier

),

tiers as (

    select
        *,
        -- Where both give the same tier, it was the rule.
        row_number() over (
            partition by month, subscription_id order by tier_rank asc, value_tier_source desc
        ) as choice
    from tiers_met

)

select
    subscription_months.month,
    subscription_months.subscription_id,
    subscription_months.tenure_days,
    subscription_months.currency_code,
    trailing_revenue.mean_revenue_amount,
    coalesce(tiers.value_tier, 'standard') as value_tier,
    coalesce(tiers.value_tier_source, 'rule') as value_tier_source,
    case
        when subscription_months.is_revenue_delivered then coalesce(revenue.service_revenue_amount, 0)
    end as service_revenue_amount,
    case
        when subscription_months.is_revenue_delivered then coalesce(revenue.total_net_amount, 0)
    end as total_net_amount
from subscription_months
left join trailing_revenue
    on subscription_months.month = trailing_revenue.month
        and subscription_months.subscription_id = trailing_revenue.subscription_id
left join tiers
    on subscription_months.month = tiers.month
        and subscription_months.subscription_id = tiers.subscription_id
        and tiers.choice = 1
left join {{ ref('int_revenue_monthly') }} as revenue
    on subscription_months.month = revenue.month
        and subscription_months.subscription_id = revenue.subscription_id
        and subscription_months.currency_code = revenue.currency_code
