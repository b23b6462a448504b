{{ config(pre_hook=large_memory()) }}

-- Every signal of every line, as episodes of days without a gap, within the days that the line was on the network.
-- What was seen first is the evidence; from_date and to_date are both days on which the signal held.
with seen as (

    select * from {{ ref('int_signal_contract') }}
    union all
    select * from {{ ref('int_signal_value') }}
    union all
    select * from {{ ref('int_signal_usage') }}
    union all
    select * from {{ ref('int_signal_care') }}
    union all
    select * from {{ ref('int_signal_relation') }}
    union all
    select * from {{ ref('int_signal_suspension') }}

),

clipped as (

    select
        seen.subscription_id,
        seen.signal_code,
        seen.evidence,
        greatest(seen.from_date, {{ local_date('presence.joined_at') }}) as from_date,
        least(
            coalesce(seen.to_date, as_of.as_of_date),
            coalesce({{ local_date('presence.left_at') }}, as_of.as_of_date),
            as_of.as_of_date
        ) as to_date
    from seen
    inner join {{ ref('churn_signal') }} as rule
        on seen.signal_code = rule.signal_code and rule.is_active
    inner join {{ ref('int_subscription_presence') }} as presence
        on seen.subscription_id = presence.subscription_id
    cross join {{ ref('int_as_of_date') }} as as_of

),

reached as (

    select
        *,
        max(to_date) over (
            partition by subscription_id, signal_code
            order by from_date, to_date, evidence
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from clipped
    where from_date <= to_date

),

numbered as (

    select
        *,
        sum(case when reached_date >= {{ date_plus('from_date', -1) }} then 0 else 1 end) over (
            partition by subscription_id, signal_code
            order by from_date, to_date, evidence
            rows unbounded preceding
        ) as episode_number
    from reached

),

first_seen as (

    select
        *,
        row_number() over (
            partition by subscription_id, signal_code, episode_number order by from_date, to_date, evidence
        ) as place
    from numbered

)

select
    subscription_id,
    signal_code,
    min(from_date) as from_date,
    max(to_date) as to_date,
    max(evidence) filter (where place = 1) as evidence
from first_seen
group by subscription_id, signal_code, episode_number
