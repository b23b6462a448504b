-- Each contract in its latest state, numbered within its subscription. A contract ends on its last day, or when the
-- next one begins or the line is terminated before that.
with numbered as (

    select
        contract_id,
        subscription_id,
        start_date,
        end_date,
        term_months,
        row_number() over (partition by subscription_id order by start_date, contract_id) as contract_number,
        lead(contract_id) over (partition by subscription_id order by start_date, contract_id) as next_contract_id,
        lead(start_date) over (partition by subscription_id order by start_date, contract_id) as next_start_date
    from {{ ref('int_contract_history') }}
    where is_current

),

ended as (

    select
        numbered.*,
        {{ local_date('lifetime.terminated_at') }} as terminated_date,
        as_of.as_of_date
    from numbered
    cross join {{ ref('int_as_of_date') }} as as_of
    left join {{ ref('int_subscription_lifetime') }} as lifetime
        on numbered.subscription_id = lifetime.subscription_id

)

select
    ended.contract_id,
    ended.subscription_id,
    version.subscription_sk,
    cast(ended.contract_number as integer) as contract_number,
    ended.contract_number > 1 as is_renewal,
    ended.start_date,
    ended.end_date,
    cast(ended.term_months as integer) as term_months,
    ended.next_contract_id,
    ended.next_start_date,
    ended.terminated_date,
    case
        when ended.start_date > ended.as_of_date then 'future'
        when ended.terminated_date < ended.end_date then 'broken'
        when ended.next_start_date <= least(ended.as_of_date, ended.end_date) then 'replaced'
        when ended.end_date < ended.as_of_date then 'expired'
        when ended.terminated_date is not null then 'expired'
        else 'in_force'
    end as contract_status,
    cast({{ dbt.datediff('ended.as_of_date', 'ended.end_date', 'day') }} as integer) as days_to_end -- noqa: LT05
from ended
left join {{ ref('dim_subscription') }} as version
    on ended.subscription_id = version.subscription_id
        and {{ version_before('version', local_midnight(date_plus('ended.start_date', 1))) }}
