-- Each stage at the end of the month, what its lines brought and used in the month, and what became of the lines that
-- opened the month in it.
{%- set counts = [
    'closing_count', 'stage_month_count', 'signal_line_count', 'opening_count', 'opening_churn_count',
    'opening_voluntary_churn_count', 'opening_involuntary_churn_count', 'opening_inactive_churn_count'
] %}
with stages as (

    select * from {{ ref('int_subscription_stage_monthly') }}

),

lines as (

    select * from {{ ref('subscription_monthly') }}

),

at_closing as (

    select
        stages.month,
        stages.lifecycle_stage_code,
        {{ slice_list('stages') }},
        coalesce(stages.currency_code, '') as currency_code,
        count(*) as closing_count,
        sum(stages.stage_month_count) as stage_month_count,
        count(*) filter (where stages.high_signal_count + stages.medium_signal_count > 0) as signal_line_count,
        0 as opening_count,
        0 as opening_churn_count,
        0 as opening_voluntary_churn_count,
        0 as opening_involuntary_churn_count,
        0 as opening_inactive_churn_count,
        sum(lines.service_revenue_amount) as service_revenue_amount,
        sum(lines.voice_seconds) / 60.0 as voice_minutes,
        sum(lines.data_bytes) / 1000000.0 as data_mb
    from stages
    left join lines
        on stages.month = lines.month and stages.subscription_id = lines.subscription_id
    group by stages.month, stages.lifecycle_stage_code, {{ slice_list('stages') }}, coalesce(stages.currency_code, '')

),

at_opening as (

    select
        lines.month,
        lines.opening_lifecycle_stage_code as lifecycle_stage_code,
        {{ slice_list('lines', prefix='opening_', rename=true) }},
        coalesce(lines.currency_code, '') as currency_code,
        0 as closing_count,
        0 as stage_month_count,
        0 as signal_line_count,
        count(*) as opening_count,
        count(lines.opening_churn_type) as opening_churn_count,
        count(*) filter (where lines.opening_churn_type = 'voluntary') as opening_voluntary_churn_count,
        count(*) filter (where lines.opening_churn_type = 'involuntary') as opening_involuntary_churn_count,
        count(*) filter (where lines.opening_churn_type = 'inactive') as opening_inactive_churn_count,
        cast(null as numeric(18, 2)) as service_revenue_amount,
        cast(null as numeric(18, 2)) as voice_minutes,
        cast(null as numeric(18, 2)) as data_mb
    from lines
    where lines.opening_lifecycle_stage_code is not null
    group by
        lines.month,
        lines.opening_lifecycle_stage_code,
        {{ slice_list('lines', prefix='opening_') }},
        coalesce(lines.currency_code, '')

),

lead_states as (

    select
        months.month,
        lead_state.lead_id,
        lead_state.region_id,
        lead_state.status_code,
        row_number() over (
            partition by months.month, lead_state.lead_id order by lead_state.effective_at desc
        ) as recency
    from {{ ref('int_month') }} as months
    inner join {{ ref('stg_marketing__lead') }} as lead_state
        on lead_state.effective_at < months.end_at

),

prospects as (

    select
        month,
        'P' as lifecycle_stage_code,
        region_id,
        'unknown' as brand_name,
        'unknown' as service_line,
        'unknown' as plan_type,
        'unknown' as value_tier,
        '' as currency_code,
        count(*) as closing_count,
        0 as stage_month_count,
        0 as signal_line_count,
        0 as opening_count,
        0 as opening_churn_count,
        0 as opening_voluntary_churn_count,
        0 as opening_involuntary_churn_count,
        0 as opening_inactive_churn_count,
        cast(null as numeric(18, 2)) as service_revenue_amount,
        cast(null as numeric(18, 2)) as voice_minutes,
        cast(null as numeric(18, 2)) as data_mb
    from lead_states
    where recency = 1 and status_code not in ('converted', 'lost')
    group by month, region_id

),

combined as (

    select * from at_closing
    union all
    select * from at_opening
    union all
    select * from prospects

)

select
    combined.month,
    combined.lifecycle_stage_code,
    {{ slice_list('combined') }},
    combined.currency_code,
    months.is_month_closed,
    months.is_open_month,
    {%- for column in counts %}
        {{ sum_whole('combined.' ~ column) }} as {{ column }},
    {%- endfor %}
    sum(combined.service_revenue_amount) as service_revenue_amount,
    round(sum(combined.voice_minutes), 6) as voice_minutes,
    round(sum(combined.data_mb), 6) as data_mb
from combined
inner join {{ ref('int_month') }} as months
    on combined.month = months.month
group by
    combined.month,
    combined.lifecycle_stage_code,
    {{ slice_list('combined') }},
    combined.currency_code,
    months.is_month_closed,
    months.is_open_month
