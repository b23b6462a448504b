-- Customers by month: the lines they own, what these bring, and RFM scores: recency of use, days of use in the
-- last three months, and money, each from 1 to 5 among the customers of the same month and currency; equals have
-- equal scores.
with activity as (

    select
        subscription_id,
        {{ month_of('activity_date') }} as month,
        count(*) as active_day_count,
        max(activity_date) as last_active_date
    from {{ ref('int_activity_day') }}
    where is_activity_day
    group by subscription_id, {{ month_of('activity_date') }}

),

recent as (

    select
        monthly.month,
        monthly.subscription_id,
        sum(activity.active_day_count) as active_day_count,
        max(activity.last_active_date) as last_active_date
    from {{ ref('subscription_monthly') }} as monthly
    inner join activity
        on monthly.subscription_id = activity.subscription_id
            and activity.month <= monthly.month
            and activity.month > {{ date_plus('monthly.month', -3, 'month') }}
    group by monthly.month, monthly.subscription_id

),

tiers as (

    select
        value_tier,
        min(tier_rank) as tier_rank
    from {{ ref('dim_value_tier') }}
    group by value_tier

),

summed as (

    select
        monthly.month,
        monthly.customer_id,
        coalesce(monthly.currency_code, '') as currency_code,
        count(*) filter (where monthly.is_opening) as opening_count,
        count(*) filter (where monthly.is_closing) as closing_count,
        count(*) filter (where monthly.is_closing and monthly.closing_service_line = 'mobile') as mobile_count,
        count(*) filter (where monthly.is_closing and monthly.closing_service_line = 'broadband') as broadband_count,
        {{ sum_whole('monthly.activation_count + monthly.reactivation_count + monthly.win_back_count') }}
            as entry_count,
        {{ sum_whole(
            'monthly.voluntary_churn_count + monthly.involuntary_churn_count + monthly.inactive_churn_count'
        ) }} as churn_count,
        min(tiers.tier_rank) as best_tier_rank,
        max(
            case monthly.market_type when 'group' then 3 when 'family' then 2 else 1 end
        ) as market_rank,
        max(monthly.tenure_days) as tenure_days,
        sum(monthly.service_revenue_amount) as service_revenue_amount,
        sum(monthly.total_net_amount) as total_net_amount,
        sum(monthly.mean_revenue_amount) filter (where monthly.is_closing) as mean_revenue_amount,
        {{ sum_whole('monthly.voice_seconds') }} as voice_seconds,
        {{ sum_whole('monthly.data_bytes') }} as data_bytes,
        sum(recent.active_day_count) filter (where monthly.is_closing) as active_day_count,
        max(recent.last_active_date) as last_active_date
    from {{ ref('subscription_monthly') }} as monthly
    left join tiers
        on monthly.closing_value_tier = tiers.value_tier
    left join recent
        on monthly.month = recent.month and monthly.subscription_id = recent.subscription_id
    group by monthly.month, monthly.customer_id, coalesce(monthly.currency_code, '')

),

described as (

    select
        summed.*,
        months.is_month_closed,
        months.is_open_month,
        customer.customer_sk,
        customer.customer_type,
        customer.region_id,
        tiers.value_tier,
        -- Nothing in three months is further away than any day of them.
        {{ dbt.datediff(
            'coalesce(summed.last_active_date, ' ~ date_plus('summed.month', -3, 'month') ~ ')', 'months.last_date', 'day'
        ) }} as recency_days,
        months.is_usage_delivered and summed.closing_count > 0 as is_scored
    from summed
    inner join {{ ref('int_month') }} as months
        on summed.month = months.month
    left join {{ ref('dim_customer') }} as customer
        on summed.customer_id = customer.customer_id and {{ version_before('customer', 'months.end_at') }}
    left join tiers
        on summed.best_tier_rank = tiers.tier_rank

),

ranked as (

    select
        month,
        customer_id,
        currency_code,
        percent_rank() over (partition by month, currency_code order by recency_days desc) as recency_rank,
        percent_rank() over (partition by month, currency_code order by coalesce(active_day_count, 0))
            as frequency_rank,
        percent_rank() over (partition by month, currency_code order by coalesce(mean_revenue_amount, 0))
            as money_rank
    from described
    where is_scored

),

-- Here, not below: of somebody who is not ranked, least() would make the best score.
scored as (

    select
        month,
        customer_id,
        currency_code,
        {%- for score in ['recency', 'frequency', 'money'] %}
            cast(1 + floor(least({{ score }}_rank, 0.999999) * 5) as integer) as {{ score }}_score
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from ranked

)

select
    described.month,
    described.customer_id,
    described.currency_code,
    described.customer_sk,
    described.is_month_closed,
    described.is_open_month,
    coalesce(described.customer_type, 'unknown') as customer_type,
    coalesce(described.region_id, 'unknown') as region_id,
    case described.market_rank when 3 then 'group' when 2 then 'family' else 'individual' end as market_type,
    described.value_tier as best_value_tier,
    described.opening_count,
    described.closing_count,
    described.mobile_count,
    described.broadband_count,
    described.entry_count,
    described.churn_count,
    described.opening_count > 0 and described.closing_count = 0 as is_lost,
    cast(described.tenure_days as integer) as tenure_days,
    cast(described.service_revenue_amount as numeric(18, 2)) as service_revenue_amount,
    cast(described.total_net_amount as numeric(18, 2)) as total_net_amount,
    cast(described.mean_revenue_amount as numeric(18, 2)) as mean_revenue_amount,
    described.voice_seconds,
    described.data_bytes,
    cast(case when described.is_scored then described.recency_days end as integer) as recency_days,
    cast(
        case when described.is_scored then coalesce(described.active_day_count, 0) end as bigint
    ) as active_day_count,
    {%- for score in ['recency', 'frequency', 'money'] %}
        scored.{{ score }}_score{% if not loop.last %},{% endif %}
    {%- endfor %}
from described
left join scored
    on described.month = scored.month
        and described.customer_id = scored.customer_id
        and described.currency_code = scored.currency_code
