-- Each opportunity at the opening and the closing of every month in which it was open, was decided, or is won and not
-- delivered. What was decided counts in the last open stage it stood in.
with months as (

    select
        month,
        start_at,
        end_at
    from {{ ref('int_month') }}

),

deliveries as (

    select
        opportunity_id,
        min(occurred_at) as delivered_at
    from {{ ref('stg_enterprise__opportunity_event') }}
    where event_type = 'delivered' and occurred_at < {{ as_of_end_at() }}
    group by opportunity_id

),

closings as (

    select
        months.month,
        months.start_at,
        months.end_at,
        state.opportunity_id,
        state.version_number as closing_version_number,
        state.customer_id,
        state.is_open as is_closing,
        not state.is_open and state.stage_entered_at >= months.start_at as is_decided,
        state.is_won,
        case when deliveries.delivered_at < months.end_at then deliveries.delivered_at end as delivered_at
    from months
    inner join {{ ref('int_opportunity_state') }} as state
        on state.valid_from_at < months.end_at and state.valid_to_at >= months.end_at
    left join deliveries
        on state.opportunity_id = deliveries.opportunity_id

),

-- Months without an event of it are left out once it is lost, or won and delivered.
living as (

    select *
    from closings
    where is_closing or is_decided or (is_won and (delivered_at is null or delivered_at >= start_at))

),

last_open as (

    select
        living.month,
        living.opportunity_id,
        max(state.version_number) as version_number
    from living
    inner join {{ ref('int_opportunity_state') }} as state
        on living.opportunity_id = state.opportunity_id
            and living.end_at > state.valid_from_at
            and state.is_open
    group by living.month, living.opportunity_id

)

select
    living.month,
    living.opportunity_id,
    living.closing_version_number,
    coalesce(last_open.version_number, living.closing_version_number) as counted_version_number,
    opening.version_number as opening_version_number,
    living.is_closing,
    living.is_decided,
    living.is_decided and living.is_won as is_won,
    living.is_decided and not living.is_won as is_lost,
    living.is_won and living.delivered_at is null as is_backlog,
    living.delivered_at,
    opening.version_number is not null as is_opening,
    (living.is_closing or living.is_decided) and opening.version_number is null as is_new,
    coalesce(customer.region_id, 'unknown') as region_id,
    coalesce(opening_customer.region_id, 'unknown') as opening_region_id
from living
left join last_open
    on living.month = last_open.month and living.opportunity_id = last_open.opportunity_id
left join {{ ref('int_opportunity_state') }} as opening
    on living.opportunity_id = opening.opportunity_id
        and living.start_at > opening.valid_from_at
        and living.start_at <= opening.valid_to_at
        and opening.is_open
left join {{ ref('dim_customer') }} as customer
    on living.customer_id = customer.customer_id and {{ version_before('customer', 'living.end_at') }}
left join {{ ref('dim_customer') }} as opening_customer
    on opening.customer_id = opening_customer.customer_id
        and {{ version_before('opening_customer', 'living.start_at') }}
