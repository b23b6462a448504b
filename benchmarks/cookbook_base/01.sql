select
    month,
    count(*) filter (where is_opening) as opening,
    sum(activation_count) as activations,
    sum(reactivation_count) as reactivations,
    sum(win_back_count) as win_backs,
    sum(voluntary_churn_count) as voluntary_churn,
    sum(involuntary_churn_count) as involuntary_churn,
    sum(inactive_churn_count) as inactive_churn,
    count(*) filter (where is_closing) as closing
from marts.subscription_monthly
where not is_open_month
    and month > (select as_of_date - interval '13 months' from marts.publication where is_current)
group by month
order by month
