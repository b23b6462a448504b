{{ by_partition('month', 'month') }}
{%- set of_subscription = "select line.posted_month from changed inner join " ~ ref('fct_revenue') ~ " as line"
    ~ " on changed.key_value = line.subscription_id and (changed.is_first or changed.from_at < "
    ~ local_midnight(date_plus('line.service_month', 1, 'month')) ~ ")" -%}
{%- set touched = touched_partitions({
    'fct_revenue': 'same',
    'dim_subscription': {'keys': of_subscription},
    'int_subscription_month_value': 'same',
    'int_month': 'same',
    'int_conversion_rate': 'same',
}) %}

-- The month is the one the documents are posted to. The slice describes the subscription at the end of the service
-- month; its tier is that of the posted month.
with sliced as (

    select
        revenue.posted_month as month,
        coalesce(version.region_id, 'unknown') as region_id,
        coalesce(version.brand_name, 'unknown') as brand_name,
        coalesce(version.service_line, 'unknown') as service_line,
        coalesce(version.plan_type, 'unknown') as plan_type,
        coalesce(monthly_value.value_tier, 'standard') as value_tier,
        revenue.charge_type,
        revenue.is_service_revenue,
        revenue.currency_code,
        sum(revenue.net_amount) as net_amount,
        sum(revenue.tax_amount) as tax_amount
    from {{ ref('fct_revenue') }} as revenue
    left join {{ ref('dim_subscription') }} as version
        on revenue.subscription_sk = version.subscription_sk
    left join {{ ref('int_subscription_month_value') }} as monthly_value
        on revenue.subscription_id = monthly_value.subscription_id and revenue.posted_month = monthly_value.month
    where {{ in_partitions('revenue.posted_month', touched, 'month') }}
    group by
        revenue.posted_month,
        coalesce(version.region_id, 'unknown'),
        coalesce(version.brand_name, 'unknown'),
        coalesce(version.service_line, 'unknown'),
        coalesce(version.plan_type, 'unknown'),
        coalesce(monthly_value.value_tier, 'standard'),
        revenue.charge_type,
        revenue.is_service_revenue,
        revenue.currency_code

)

select
    sliced.month,
    {{ slice_list('sliced') }},
    sliced.charge_type,
    sliced.is_service_revenue,
    sliced.currency_code,
    coalesce(months.is_month_closed, false) as is_month_closed,
    coalesce(months.is_open_month, false) as is_open_month,
    sliced.net_amount,
    sliced.tax_amount,
    '{{ var("reporting_currency") }}' as reporting_currency_code,
    case
        when sliced.currency_code = '{{ var("reporting_currency") }}' then 'same_currency'
        when conversion.exchange_rate is null then 'rate_missing'
        else 'converted'
    end as conversion_status,
    case when sliced.currency_code = '{{ var("reporting_currency") }}' then 1 else conversion.exchange_rate end
        as exchange_rate,
    case when sliced.currency_code <> '{{ var("reporting_currency") }}' then conversion.rate_date end as rate_date,
    case
        when sliced.currency_code = '{{ var("reporting_currency") }}' then sliced.net_amount
        else round(sliced.net_amount * conversion.exchange_rate, 2)
    end as converted_net_amount
from sliced
left join {{ ref('int_month') }} as months
    on sliced.month = months.month
left join {{ ref('int_conversion_rate') }} as conversion
    on sliced.month = conversion.month and sliced.currency_code = conversion.currency_code
