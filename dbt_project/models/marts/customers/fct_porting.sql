select
    porting.porting_id,
    porting.subscription_id,
    version.subscription_sk,
    porting.direction,
    porting.rival_name,
    porting.region_id,
    porting.status_code,
    porting.requested_at,
    {{ local_date('porting.requested_at') }} as requested_date,
    porting.completed_at,
    cast(extract(epoch from porting.completed_at - porting.requested_at) as bigint) as handling_seconds
from {{ ref('stg_market__porting') }} as porting
left join {{ ref('dim_subscription') }} as version
    on porting.subscription_id = version.subscription_id
        and {{ version_before('version', 'coalesce(porting.completed_at, porting.requested_at)') }}
where porting.requested_at < {{ as_of_end_at() }}
