-- Lines on the network at the end of a month that have taken up a service by then: an add-on or bundle held, a
-- device in use, or usage in the month. A month without usage delivered says nothing of services told by usage.
with months as (

    select
        month,
        last_date,
        end_at,
        is_usage_delivered
    from {{ ref('int_month') }}

),

holdings as (

    select distinct
        months.month,
        holding.subscription_id,
        offer.offer_id as service_code
    from months
    inner join {{ ref('int_subscribed_offer_history') }} as holding
        on {{ version_before('holding', 'months.end_at') }}
            and holding.started_at < months.end_at
            and (holding.ended_at is null or holding.ended_at >= months.end_at)
    inner join {{ ref('dim_offer') }} as offer
        on holding.offer_id = offer.offer_id and offer.is_current and offer.offer_type in ('addon', 'bundle')

),

device_history as (

    {{ entity_history(
        ref('stg_crm__device'), 'device_id', ['subscription_id', 'device_type', 'is_5g', 'first_used_date']
    ) }}

),

devices as (

    select
        months.month,
        device.subscription_id,
        device.device_type,
        device.is_5g,
        row_number() over (
            partition by months.month, device.subscription_id, device.device_type
            order by device.first_used_date desc, device.device_id desc
        ) as recency
    from months
    inner join device_history as device
        on {{ version_before('device', 'months.end_at') }} and device.first_used_date <= months.last_date

),

device_adopters as (

    select
        devices.month,
        devices.subscription_id,
        service.service_code
    from devices
    inner join {{ ref('new_service') }} as service
        on devices.device_type = service.source_value
            and (
                service.adoption_source = 'device' or (service.adoption_source = 'phone_5g' and devices.is_5g)
            )
    where devices.recency = 1

),

users as (

    select distinct
        monthly.month,
        monthly.subscription_id,
        service.service_code
    from {{ ref('int_usage_monthly') }} as monthly
    inner join months
        on monthly.month = months.month and months.is_usage_delivered
    inner join {{ ref('new_service') }} as service
        on (service.adoption_source = 'usage' and monthly.service_type = service.source_value)
            or (service.adoption_source = 'roaming' and monthly.roaming_type = service.source_value)

),

adopters as (

    select * from holdings
    union all
    select * from device_adopters
    union all
    select * from users

),

services as (

    select
        service_code,
        service_line
    from {{ ref('new_service') }}

    union all

    select
        offer_id as service_code,
        service_line
    from {{ ref('dim_offer') }}
    where is_current and offer_type in ('addon', 'bundle')

)

select
    adopters.month,
    adopters.subscription_id,
    adopters.service_code
from adopters
inner join services
    on adopters.service_code = services.service_code
inner join {{ ref('subscription_monthly') }} as line
    on adopters.month = line.month
        and adopters.subscription_id = line.subscription_id
        and services.service_line = line.closing_service_line
        and line.is_closing
