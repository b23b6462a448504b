{{ config(pre_hook=large_memory()) }}
{{ by_partition('as_of_date', 'day') }}
{%- set longest_days = 90 %}
{%- set touched = touched_partitions({
    'int_feature_date': 'same',
    'int_activity_day': {
        'sql': "select dates.as_of_date from changed inner join " ~ ref('int_feature_date') ~ " as dates"
            ~ " on dates.as_of_date >= changed.partition_date"
            ~ " and dates.as_of_date < " ~ date_plus('changed.partition_date', longest_days)
    },
}) %}

-- What each line did in the windows up to each feature date, whether or not the windows were delivered in full: that
-- is for the reader to tell.
{%- set measures = ['voice_seconds', 'data_bytes', 'sms_count', 'event_count'] %}
with window_days as (

    select
        dates.as_of_date,
        cast(window_day as date) as window_date,
        {{ date_plus('dates.as_of_date', -7) }} as before_7,
        {{ date_plus('dates.as_of_date', -30) }} as before_30
    from {{ ref('int_feature_date') }} as dates
    -- Every day, so that activity is joined by equality: a join by range would compare every day with every date.
    cross join {{ partitions_between(
        date_plus('dates.as_of_date', 1 - longest_days), 'dates.as_of_date', 'day'
    ) }} as window_day
    where {{ in_partitions('dates.as_of_date', touched, 'day') }}

),

activity as (

    select
        activity_day.*,
        window_days.as_of_date,
        activity_day.activity_date > window_days.before_7 as is_in_7,
        activity_day.activity_date > window_days.before_30 as is_in_30,
        true as is_in_90
    from {{ ref('int_activity_day') }} as activity_day
    inner join window_days
        on activity_day.activity_date = window_days.window_date

)

select
    as_of_date,
    subscription_id,
    {%- for name in measures %}
        {%- for days in [7, 30, 90] %}
            {{ sum_whole(name, 'is_in_' ~ days) }} as {{ name }}_{{ days }},
        {%- endfor %}
    {%- endfor %}
    sum(rated_amount) filter (where is_in_30) as rated_amount_30,
    {{ sum_whole('roaming_event_count', 'is_in_30') }} as roaming_event_count_30,
    {{ sum_whole('off_net_event_count', 'is_in_30') }} as off_net_event_count_30,
    count(*) filter (where is_usage_day and is_in_30) as use_day_count_30,
    max(activity_date) filter (where is_usage_day and is_in_90) as last_use_date,
    max(activity_date) filter (where is_activity_day and is_in_90) as last_activity_date,
    {{ sum_whole('topup_count', 'is_in_30') }} as topup_count_30,
    {{ sum_whole('topup_count', 'is_in_90') }} as topup_count_90,
    sum(topup_amount) filter (where is_in_30) as topup_amount_30,
    sum(topup_amount) filter (where is_in_90) as topup_amount_90,
    max(activity_date) filter (where topup_count > 0 and is_in_90) as last_topup_date
from activity
group by as_of_date, subscription_id
