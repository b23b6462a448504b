-- By the hour at which contacts began, by the operator's clock, whenever they were delivered.
select
    started_date,
    {{ local_hour('started_at') }} as started_hour,
    channel_code,
    direction,
    queue_code,
    count(*) as offered_count,
    count(*) filter (where is_answered) as answered_count,
    count(*) filter (where not is_answered) as abandoned_count,
    count(*) filter (where is_answered_in_time) as answered_in_time_count,
    {{ sum_whole('case when is_answered then wait_seconds else 0 end') }} as answer_wait_seconds,
    {{ sum_whole('case when is_answered then coalesce(handle_seconds, 0) else 0 end') }} as handle_seconds
from {{ ref('fct_interaction') }}
group by started_date, {{ local_hour('started_at') }}, channel_code, direction, queue_code
