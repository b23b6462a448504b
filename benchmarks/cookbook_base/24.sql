with period as (
    select (date_trunc('month', as_of_date) - interval '1 month')::date as month
    from marts.publication
    where is_current
),

services as (
    select service_code, service_name, service_line from reference.new_service
    union all
    select offer_id, offer_name, service_line
    from marts.dim_offer
    where is_current and offer_type in ('addon', 'bundle')
),

lines as (
    select line.subscription_id, line.closing_service_line as service_line, line.is_closing
    from marts.subscription_monthly as line
    inner join period using (month)
),

eligible as (
    select service_line, count(*) as eligible_count
    from lines
    where is_closing
    group by service_line
),

held as (
    select
        taken.subscription_id,
        taken.service_code,
        bool_or(taken.month = period.month) as is_now,
        bool_or(taken.month < period.month) as was_before
    from intermediate.int_new_service_month as taken
    inner join period on taken.month in (period.month, (period.month - interval '1 month')::date)
    group by taken.subscription_id, taken.service_code
),

moves as (
    select
        held.service_code,
        count(*) filter (where held.is_now) as adopters,
        count(*) filter (where held.is_now and not held.was_before) as new_adopters,
        count(*) filter (where not held.is_now and lines.is_closing) as dropped,
        count(*) filter (where not held.is_now and not lines.is_closing) as left_network
    from held
    inner join lines using (subscription_id)
    group by held.service_code
)

select
    services.service_code,
    services.service_name,
    coalesce(moves.adopters, 0) as adopters,
    coalesce(moves.new_adopters, 0) as new_adopters,
    coalesce(moves.dropped, 0) as dropped,
    coalesce(moves.left_network, 0) as left_network,
    round(coalesce(moves.adopters, 0)::numeric / eligible.eligible_count, 4) as adoption_rate
from services
inner join eligible using (service_line)
left join moves using (service_code)
order by adopters desc, services.service_code
