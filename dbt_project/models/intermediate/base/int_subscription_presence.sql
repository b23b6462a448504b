-- Stays on the network: from activation or reactivation until termination or inactive churn. Each exit is here once:
-- the termination of a subscription that had already fallen inactive ends no stay.
with joins as (

    select
        subscription_id,
        activated_at as joined_at,
        'activation' as entry_type
    from {{ ref('int_subscription_lifetime') }}

    union all

    select
        subscription_id,
        reactivated_at as joined_at,
        'reactivation' as entry_type
    from {{ ref('int_inactive_period') }}
    where reactivated_at is not null

),

numbered as (

    select
        *,
        row_number() over (partition by subscription_id order by joined_at) as stay_number
    from joins

),

stays as (

    select
        numbered.subscription_id,
        numbered.stay_number,
        numbered.joined_at,
        numbered.entry_type,
        lifetime.predecessor_subscription_id,
        coalesce(inactive.inactive_at, lifetime.terminated_at) as left_at,
        case
            when inactive.inactive_at is not null then 'inactive'
            else lifetime.termination_churn_type
        end as churn_type,
        case when inactive.inactive_at is null then lifetime.termination_event_id end as termination_event_id
    from numbered
    inner join {{ ref('int_subscription_lifetime') }} as lifetime
        on numbered.subscription_id = lifetime.subscription_id
    left join {{ ref('int_inactive_period') }} as inactive
        on numbered.subscription_id = inactive.subscription_id and numbered.stay_number = inactive.period_number

)

select
    stays.subscription_id,
    cast(stays.stay_number as integer) as stay_number,
    stays.joined_at,
    case
        when stays.entry_type = 'activation' and predecessor.subscription_id is not null then 'win_back'
        else stays.entry_type
    end as entry_type,
    stays.left_at,
    stays.churn_type,
    stays.termination_event_id
from stays
left join stays as predecessor
    on stays.predecessor_subscription_id = predecessor.subscription_id
        and predecessor.churn_type in ('voluntary', 'involuntary')
        and predecessor.left_at <= stays.joined_at
        and {{ local_date('stays.joined_at') }}
        <= {{ date_plus(local_date('predecessor.left_at'), var('win_back_months'), 'month') }}
