with states as (
    select
        lead_id,
        status_code,
        case
            when row_number() over lead_states = 1 then least(created_at, effective_at) else effective_at
        end as entered_at,
        lag(status_code) over lead_states as previous_status_code,
        last_value(source_code) over (
            partition by lead_id order by effective_at rows between unbounded preceding and unbounded following
        ) as source_code
    from staging.stg_marketing__lead
    where effective_at < (
        select (as_of_date + 1)::timestamp at time zone 'Asia/Shanghai' from marts.publication where is_current
    )
    window lead_states as (partition by lead_id order by effective_at)
),

decided as (
    select
        source_code,
        nullif(count(*) filter (where status_code = 'converted'), 0) as converted,
        nullif(count(*) filter (where status_code = 'lost'), 0) as lost
    from states
    where status_code is distinct from previous_status_code
        and entered_at >= (
            select (date_trunc('month', as_of_date::timestamp) - interval '3 months') at time zone 'Asia/Shanghai'
            from marts.publication
            where is_current
        )
        and entered_at < (
            select date_trunc('month', as_of_date::timestamp) at time zone 'Asia/Shanghai'
            from marts.publication
            where is_current
        )
    group by source_code
)

select
    source_code,
    converted,
    lost,
    round(converted::numeric / nullif(coalesce(converted, 0) + coalesce(lost, 0), 0), 4) as conversion_rate
from decided
order by source_code
