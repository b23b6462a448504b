-- Days on which the customer did something: called, sent, used data, or topped up. Incoming legs and value-added
-- services (often automatic fees) do not count.
with activity as (

    select
        subscription_id,
        usage_date as activity_date,
        true as is_usage
    from {{ ref('fct_usage_daily') }}
    where subscription_sk is not null
        and (service_type = 'data' or (service_type in ('voice', 'sms') and direction = 'outgoing'))

    union all

    select
        subscription_id,
        topup_date as activity_date,
        false as is_usage
    from {{ ref('fct_topup') }}
    where subscription_sk is not null and amount > 0

)

select
    subscription_id,
    activity_date,
    {{ dbt.bool_or('is_usage') }} as is_usage_day
from activity
group by subscription_id, activity_date
