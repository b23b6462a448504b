-- Signals that hold at the end of each month, or at as_of_date in the open one.
select
    months.month,
    episode.subscription_id,
    count(*) as signal_count,
    count(*) filter (where rule.severity = 'high') as high_signal_count,
    count(*) filter (where rule.severity = 'medium') as medium_signal_count,
    count(*) filter (where rule.severity = 'low') as low_signal_count
from {{ ref('int_month') }} as months
inner join {{ ref('int_churn_signal_episode') }} as episode
    on months.last_date between episode.from_date and episode.to_date
inner join {{ ref('churn_signal') }} as rule
    on episode.signal_code = rule.signal_code
group by months.month, episode.subscription_id
