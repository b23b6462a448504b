-- What the opportunity was worth and whose it was are those in force at the event, a change at that very instant
-- included.
with events as (

    select
        *,
        lag(occurred_date) over (
            partition by opportunity_id order by occurred_at, opportunity_event_id
        ) as previous_date
    from {{ ref('stg_enterprise__opportunity_event') }}
    where occurred_at < {{ as_of_end_at() }}

)

select
    events.opportunity_event_id,
    events.opportunity_id,
    events.occurred_at,
    events.occurred_date,
    events.event_type,
    events.from_stage_code,
    events.to_stage_code,
    events.staff_id,
    state.customer_id,
    customer.customer_sk,
    customer.region_id,
    state.opportunity_type,
    state.product_line,
    state.source_code,
    coalesce(stage.is_won, false) as is_won,
    coalesce(not stage.is_open and not stage.is_won, false) as is_lost,
    {{ dbt.datediff('events.previous_date', 'events.occurred_date', 'day') }} as previous_event_days, -- noqa: LT05
    state.expected_amount,
    state.currency_code
from events
left join {{ ref('int_opportunity_state') }} as state
    on events.opportunity_id = state.opportunity_id and {{ version_at('state', 'events.occurred_at') }}
left join {{ ref('dim_customer') }} as customer
    on state.customer_id = customer.customer_id and {{ version_at('customer', 'events.occurred_at') }}
left join {{ ref('opportunity_stage') }} as stage
    on events.to_stage_code = stage.stage_code
