select
    region_id,
    quality_date,
    technology_code,
    availability_ratio,
    drop_rate,
    throughput_mbps,
    latency_ms,
    outage_minutes,
    affected_subscription_count
from {{ source('network', 'quality_daily') }}
