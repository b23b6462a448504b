-- A signal on a day is a row with first_seen_date <= day and (ended_date is null or ended_date > day): episodes say the
-- same as rows by day in a hundredth of the rows.
select
    episode.subscription_id,
    episode.signal_code,
    rule.signal_name,
    rule.severity,
    episode.from_date as first_seen_date,
    case
        when episode.to_date < as_of.as_of_date then {{ date_plus('episode.to_date', 1) }}
    end as ended_date,
    episode.to_date = as_of.as_of_date as is_current,
    {{ dbt.datediff('episode.from_date', 'episode.to_date', 'day') }} + 1 as held_days, -- noqa: LT05
    episode.evidence,
    version.subscription_sk,
    version.customer_id,
    {{ month_of('episode.from_date') }} as first_seen_month
from {{ ref('int_churn_signal_episode') }} as episode
inner join {{ ref('churn_signal') }} as rule
    on episode.signal_code = rule.signal_code
cross join {{ ref('int_as_of_date') }} as as_of
inner join {{ ref('dim_subscription') }} as version
    on episode.subscription_id = version.subscription_id
        and {{ version_before('version', local_midnight(date_plus('episode.from_date', 1))) }}
