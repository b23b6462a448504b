with period as (
    select
        month,
        ((month + interval '1 month')::timestamp at time zone 'Asia/Shanghai') as end_at
    from (
        select (date_trunc('month', as_of_date) - interval '1 month')::date as month
        from marts.publication
        where is_current
    ) as last
),

amounts as (
    select document.subscription_id, document.currency_code, 'revenue' as kind, document.net_amount as amount
    from marts.fct_revenue as document
    inner join period on document.posted_month = period.month

    union all

    select cost.subscription_id, cost.currency_code, cost.cost_kind as kind, cost.amount
    from intermediate.int_subscription_cost as cost
    inner join period using (month)
),

placed as (
    select
        amounts.currency_code,
        amounts.kind,
        amounts.amount,
        coalesce(version.service_line, 'unknown') as service_line
    from amounts
    cross join period
    left join intermediate.int_subscription_lifetime as lifetime using (subscription_id)
    left join marts.dim_subscription as version
        on amounts.subscription_id = version.subscription_id
            and (
                version.valid_from_at < least(period.end_at, lifetime.terminated_at) or version.version_number = 1
            )
            and version.valid_to_at >= least(period.end_at, lifetime.terminated_at)
)

select
    service_line,
    currency_code,
    coalesce(sum(amount) filter (where kind = 'revenue'), 0) as revenue_amount,
    coalesce(sum(amount) filter (where kind = 'interconnect'), 0) as interconnect_amount,
    coalesce(sum(amount) filter (where kind = 'network'), 0) as network_amount,
    coalesce(sum(amount) filter (where kind = 'service'), 0) as service_amount,
    coalesce(sum(amount) filter (where kind in ('subsidy', 'commission')), 0) as acquisition_amount,
    coalesce(sum(amount) filter (where kind = 'campaign'), 0) as campaign_amount,
    coalesce(sum(amount) filter (where kind = 'bad_debt'), 0) as bad_debt_amount,
    sum(case when kind = 'revenue' then amount else -amount end) as margin_amount
from placed
group by service_line, currency_code
order by margin_amount desc nulls last
