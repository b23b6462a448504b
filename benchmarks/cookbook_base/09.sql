with months as (
    select
        month,
        sum(is_opening::int + is_closing::int) / 2.0 as base,
        sum(is_opening::int + is_closing::int) filter (where is_voice_capable) / 2.0 as voice_base,
        sum(is_opening::int + is_closing::int) filter (where is_data_capable) / 2.0 as data_base
    from marts.subscription_monthly
    where not is_open_month
        and month > (select as_of_date - interval '14 months' from marts.publication where is_current)
    group by month
),

used as (
    select
        date_trunc('month', usage_date)::date as month,
        sum(duration_seconds) filter (where service_type = 'voice') / 60.0 as minutes,
        sum(volume_bytes) filter (where service_type = 'data') / 1000000.0 as mb
    from marts.fct_usage_daily
    where subscription_id <> 'unknown'
        and usage_date > (select as_of_date - interval '14 months' from marts.publication where is_current)
    group by 1
),

billed as (
    select posted_month as month, sum(net_amount) as amount
    from marts.fct_revenue
    where is_service_revenue
        and currency_code = 'CNY'
        and posted_month > (select as_of_date - interval '14 months' from marts.publication where is_current)
    group by 1
)

select
    months.month,
    round(billed.amount / months.base, 2) as arpu_amount,
    round(used.minutes / months.voice_base, 1) as mou_minutes,
    round(used.mb / months.data_base, 1) as dou_mb
from months
left join used using (month)
left join billed using (month)
order by months.month
