{{ config(pre_hook=large_memory()) }}
{{ by_partition('usage_date', 'day') }}
{%- set touched = touched_partitions({'stg_usage__usage_event': 'landed'}) %}

-- What was used in each part of a day, whoever used it.
select
    event.usage_date,
    part.day_part,
    event.service_type,
    event.direction,
    event.network_type,
    event.roaming_type,
    coalesce(event.currency_code, '') as currency_code,
    {{ sum_whole('event.event_count') }} as event_count,
    {{ sum_whole('event.duration_seconds') }} as duration_seconds,
    {{ sum_whole('event.volume_bytes') }} as volume_bytes,
    sum(event.rated_amount) as rated_amount
from {{ ref('stg_usage__usage_event') }} as event
inner join {{ ref('day_part') }} as part
    on {{ local_hour('event.started_at') }} = part.local_hour
where event.started_at < {{ as_of_end_at() }}
    and {{ in_landed_days('event', 'usage_date', 'stg_usage__usage_event', touched) }}
group by
    event.usage_date,
    part.day_part,
    event.service_type,
    event.direction,
    event.network_type,
    event.roaming_type,
    coalesce(event.currency_code, '')
