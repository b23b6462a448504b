-- What each subscription did in each month in which it was on the network, and the versions that describe it at the
-- opening and at the closing (for one that left: just before it did).
with stays as (

    select
        months.month,
        months.start_at,
        months.end_at,
        presence.subscription_id,
        presence.entry_type,
        presence.churn_type,
        presence.joined_at,
        presence.joined_at < months.start_at as is_opening,
        presence.left_at is null or presence.left_at >= months.end_at as is_closing,
        case when presence.left_at < months.end_at then presence.left_at end as left_at
    from {{ ref('int_month') }} as months
    inner join {{ ref('int_subscription_presence') }} as presence
        on presence.joined_at < months.end_at
            and (presence.left_at is null or presence.left_at >= months.start_at)

),

last_exits as (

    select
        *,
        max(left_at) over (partition by month, subscription_id) as last_left_at
    from stays

),

movements as (

    select
        month,
        subscription_id,
        start_at,
        end_at,
        {{ dbt.bool_or('is_opening') }} as is_opening,
        {{ dbt.bool_or('is_closing') }} as is_closing,
        count(*) filter (where not is_opening and entry_type = 'activation') as activation_count,
        count(*) filter (where not is_opening and entry_type = 'reactivation') as reactivation_count,
        count(*) filter (where not is_opening and entry_type = 'win_back') as win_back_count,
        count(*) filter (where left_at is not null and churn_type = 'voluntary') as voluntary_churn_count,
        count(*) filter (where left_at is not null and churn_type = 'involuntary') as involuntary_churn_count,
        count(*) filter (where left_at is not null and churn_type = 'inactive') as inactive_churn_count,
        max(churn_type) filter (where left_at is not null and is_opening) as opening_churn_type,
        max(churn_type) filter (where left_at = last_left_at) as churn_type,
        max(left_at) as churned_at
    from last_exits
    group by month, subscription_id, start_at, end_at

),

dated as (

    select
        *,
        case when is_closing then end_at else churned_at end as closing_at
    from movements

)

select
    dated.month,
    dated.subscription_id,
    dated.is_opening,
    dated.is_closing,
    dated.activation_count,
    dated.reactivation_count,
    dated.win_back_count,
    dated.voluntary_churn_count,
    dated.involuntary_churn_count,
    dated.inactive_churn_count,
    dated.opening_churn_type,
    dated.churn_type,
    dated.churned_at,
    dated.closing_at,
    opening.subscription_sk as opening_subscription_sk,
    closing.subscription_sk as closing_subscription_sk
from dated
inner join {{ ref('dim_subscription') }} as closing
    on dated.subscription_id = closing.subscription_id and {{ version_before('closing', 'dated.closing_at') }}
left join {{ ref('dim_subscription') }} as opening
    on dated.subscription_id = opening.subscription_id
        and dated.is_opening
        and {{ version_before('opening', 'dated.start_at') }}
