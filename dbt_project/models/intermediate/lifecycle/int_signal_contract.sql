-- Contracts that end without another one after them. What counts is what was known on the day: a contract whose end is
-- changed counts with its old end until then, and a renewal from the day it is recorded.
with known as (

    select
        contract_id,
        min({{ local_date('effective_at') }}) as known_date
    from {{ ref('stg_crm__contract') }}
    group by contract_id

),

followed as (

    select
        contract.contract_id,
        contract.subscription_id,
        lead(known.known_date) over (
            partition by contract.subscription_id order by contract.start_date, contract.contract_id
        ) as renewed_date
    from {{ ref('int_contract_history') }} as contract
    inner join known
        on contract.contract_id = known.contract_id
    where contract.is_current

),

ends as (

    select
        version.subscription_id,
        version.end_date,
        greatest(version.start_date, {{ local_date('version.valid_from_at') }}) as from_date,
        -- A version holds until the day before the next one, the last one until the renewal is recorded.
        least(
            case when not version.is_current then {{ date_plus(local_date('version.valid_to_at'), -1) }} end,
            {{ date_plus('followed.renewed_date', -1) }}
        ) as to_date
    from {{ ref('int_contract_history') }} as version
    inner join followed
        on version.contract_id = followed.contract_id
    where version.end_date is not null

)

select
    ends.subscription_id,
    rule.signal_code,
    greatest(ends.from_date, {{ date_plus('ends.end_date', '-1 * cast(rule.threshold_value as integer)') }})
        as from_date,
    least(ends.to_date, ends.end_date) as to_date,
    'Contract ends on ' || cast(ends.end_date as {{ dbt.type_string() }}) as evidence
from ends
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'contract_expiring'

union all

select
    ends.subscription_id,
    rule.signal_code,
    greatest(ends.from_date, {{ date_plus('ends.end_date', 1) }}) as from_date,
    least(ends.to_date, {{ date_plus('ends.end_date', 'rule.window_days') }}) as to_date,
    'Contract ended on ' || cast(ends.end_date as {{ dbt.type_string() }}) as evidence
from ends
inner join {{ ref('churn_signal') }} as rule
    on rule.signal_code = 'contract_expired'
