-- In every row, and no more of anything than there can be.
select
    month,
    region_id,
    channel_code,
    direction,
    topic_code
from {{ ref('service_quality_monthly') }}
where offered_count <> answered_count + abandoned_count
    or answered_in_time_count > answered_count
    or handled_count > answered_count
    or issue_without_repeat_count > issue_count
    or csat_satisfied_count > csat_count
    or nps_promoter_count + nps_detractor_count > nps_count
