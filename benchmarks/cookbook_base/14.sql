select
    date_trunc('month', usage_date)::date as month,
    service_type,
    currency_code,
    sum(event_count) as events,
    round(sum(duration_seconds) / 60.0, 1) as minutes,
    round(sum(volume_bytes) / 1000000.0, 1) as volume_mb,
    sum(rated_amount) as rated_amount
from marts.fct_usage_daily
where roaming_type = 'international'
    and usage_date < (select date_trunc('month', as_of_date) from marts.publication where is_current)
    and usage_date
        >= (select date_trunc('month', as_of_date) - interval '12 months' from marts.publication where is_current)
group by 1, service_type, currency_code
order by 1, service_type, currency_code
