-- What came late is part of what was used, in every month and slice.
with adjusted as (

    select
        month,
        {{ slice_list() }},
        service_type,
        direction,
        network_type,
        roaming_type,
        currency_code,
        sum(event_count) as event_count
    from {{ ref('usage_adjustment_monthly') }}
    group by
        month,
        {{ slice_list() }},
        service_type,
        direction,
        network_type,
        roaming_type,
        currency_code

)

select
    adjusted.month,
    adjusted.service_type,
    adjusted.event_count,
    whole.event_count as usage_event_count
from adjusted
left join {{ ref('usage_monthly') }} as whole
    on adjusted.month = whole.month
        and {{ slice_equal('adjusted', 'whole') }}
        and adjusted.service_type = whole.service_type
        and adjusted.direction = whole.direction
        and adjusted.network_type = whole.network_type
        and adjusted.roaming_type = whole.roaming_type
        and adjusted.currency_code = whole.currency_code
where whole.event_count is null or whole.event_count < adjusted.event_count
