-- Usage or revenue of a full month against the mean of the three months before it, for lines that were on the network
-- through all four. A month is judged on its last day, and the judgement stands until the next month is judged.
{%- set measures = ['voice_seconds', 'data_bytes', 'service_revenue_amount'] %}
with used as (

    select
        month,
        subscription_id,
        {{ sum_whole('duration_seconds', "service_type = 'voice'") }} as voice_seconds,
        {{ sum_whole('volume_bytes', "service_type = 'data'") }} as data_bytes
    from {{ ref('int_usage_monthly') }}
    group by month, subscription_id

),

monthly as (

    select
        months.month,
        months.is_usage_delivered,
        months.start_at,
        monthly_value.subscription_id,
        monthly_value.currency_code,
        monthly_value.service_revenue_amount,
        coalesce(used.voice_seconds, 0) as voice_seconds,
        coalesce(used.data_bytes, 0) as data_bytes
    from {{ ref('int_subscription_month_value') }} as monthly_value
    inner join {{ ref('int_month') }} as months
        on monthly_value.month = months.month and months.last_date = months.month_end_date
    left join used
        on monthly_value.month = used.month and monthly_value.subscription_id = used.subscription_id

),

present as (

    select
        month,
        subscription_id,
        is_opening and is_closing and opening_churn_type is null as is_whole
    from {{ ref('int_subscription_month') }}

),

compared as (

    select
        monthly.*,
        {%- for measure in measures %}
            sum(monthly.{{ measure }}) over before as before_{{ measure }},
        {%- endfor %}
        count(monthly.service_revenue_amount) over upto as billed_count,
        count(*) filter (where monthly.is_usage_delivered) over upto as used_count,
        count(*) filter (where present.is_whole) over upto as whole_count,
        min(monthly.currency_code) over upto as least_currency_code,
        max(monthly.currency_code) over upto as greatest_currency_code,
        min(monthly.month) over upto as first_month
    from monthly
    inner join present
        on monthly.month = present.month and monthly.subscription_id = present.subscription_id
    window
        before as (
            partition by monthly.subscription_id order by monthly.month rows between 3 preceding and 1 preceding
        ),
        upto as (
            partition by monthly.subscription_id order by monthly.month rows between 3 preceding and current row
        )

),

ratios as (

    select
        *,
        voice_seconds * 3.0 / nullif(before_voice_seconds, 0) as voice_ratio,
        data_bytes * 3.0 / nullif(before_data_bytes, 0) as data_ratio,
        service_revenue_amount * 3.0 / nullif(greatest(before_service_revenue_amount, 0), 0) as revenue_ratio
    from compared
    where whole_count = 4 and first_month = {{ date_plus('month', -3, 'month') }}

),

judged as (

    -- Of what the line used before, voice and data weigh alike.
    select
        month,
        subscription_id,
        'usage_down' as signal_code,
        (coalesce(voice_ratio, 0) + coalesce(data_ratio, 0))
        / nullif(
            case when voice_ratio is null then 0 else 1 end + case when data_ratio is null then 0 else 1 end, 0
        ) as ratio
    from ratios
    where used_count = 4

    union all

    select
        month,
        subscription_id,
        'revenue_down' as signal_code,
        revenue_ratio as ratio
    from ratios
    where billed_count = 4 and least_currency_code = greatest_currency_code

)

select
    judged.subscription_id,
    judged.signal_code,
    {{ date_plus(date_plus('judged.month', 1, 'month'), -1) }} as from_date,
    {{ date_plus(date_plus('judged.month', 2, 'month'), -2) }} as to_date,
    case when judged.signal_code = 'usage_down' then 'Usage' else 'Revenue' end
    || ' down ' || cast(round((1 - judged.ratio) * 100) as {{ dbt.type_string() }})
    || ' % against the three months before' as evidence
from judged
inner join {{ ref('churn_signal') }} as rule
    on judged.signal_code = rule.signal_code and judged.ratio <= 1 - rule.threshold_value
