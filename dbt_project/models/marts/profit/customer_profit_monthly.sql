{%- set charge_types = [
    'recurring', 'usage', 'discount', 'credit', 'one_off', 'equipment', 'interconnect', 'ict_project'
] -%}
{%- set cost_kinds = ['interconnect', 'network', 'service', 'subsidy', 'commission', 'campaign', 'bad_debt'] -%}
{%- set booked_only = ['subsidy', 'commission'] -%}
{{ config(pre_hook=large_memory()) }}

with revenue as (

    select
        posted_month as month,
        subscription_id,
        'unknown' as region_id,
        currency_code,
        {%- for charge_type in charge_types %}
            sum(net_amount) filter (where charge_type = '{{ charge_type }}') as {{ charge_type }}_revenue_amount,
        {%- endfor %}
        sum(net_amount) filter (where is_service_revenue) as service_revenue_amount,
        sum(net_amount) as revenue_amount
    from {{ ref('fct_revenue') }}
    group by posted_month, subscription_id, currency_code

),

-- The region of a booking matters only where no subscription bears it.
costs as (

    select
        month,
        subscription_id,
        case when subscription_id = 'unallocated' then region_id else 'unknown' end as region_id,
        currency_code,
        sum(amount) filter (where purpose_name = 'existing_base') as retention_cost_amount,
        {%- for kind in cost_kinds %}
            sum(amount) filter (where cost_kind = '{{ kind }}') as {{ kind }}_amount,
            min(method_name) filter (where cost_kind = '{{ kind }}') as {{ kind }}_first_method,
            max(method_name) filter (where cost_kind = '{{ kind }}') as {{ kind }}_last_method
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('int_subscription_cost') }}
    group by
        month,
        subscription_id,
        case when subscription_id = 'unallocated' then region_id else 'unknown' end,
        currency_code

),

combined as (

    select
        coalesce(revenue.month, costs.month) as month,
        coalesce(revenue.subscription_id, costs.subscription_id) as subscription_id,
        coalesce(revenue.region_id, costs.region_id) as booked_region_id,
        coalesce(revenue.currency_code, costs.currency_code) as currency_code,
        {%- for charge_type in charge_types %}
            revenue.{{ charge_type }}_revenue_amount,
        {%- endfor %}
        revenue.service_revenue_amount,
        revenue.revenue_amount,
        costs.retention_cost_amount,
        {%- for kind in cost_kinds %}
            costs.{{ kind }}_amount,
            case
                when costs.{{ kind }}_first_method <> costs.{{ kind }}_last_method then 'mixed'
                else coalesce(costs.{{ kind }}_first_method, 'none')
            end as {{ kind }}_method
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from revenue
    full outer join costs
        on revenue.month = costs.month
            and revenue.subscription_id = costs.subscription_id
            and revenue.region_id = costs.region_id
            and revenue.currency_code = costs.currency_code

),

cost_period as (

    select
        period_from,
        period_to
    from {{ ref('stg_ops__load') }}
    where source_name = 'finance' and entity_name = 'cost'

),

known as (

    select
        combined.*,
        coalesce(months.is_month_closed, false) as is_month_closed,
        coalesce(months.is_open_month, false) as is_open_month,
        coalesce(months.is_revenue_delivered, true) as is_revenue_delivered,
        exists(
            select 1
            from cost_period
            where cost_period.period_from < {{ date_plus('combined.month', 1, 'month') }}
                and cost_period.period_to >= combined.month
        ) as is_cost_delivered,
        exists(select 1 from cost_period) as is_cost_expected,
        least(
            {{ local_midnight(date_plus('combined.month', 1, 'month')) }},
            coalesce(lifetime.terminated_at, {{ end_of_time() }})
        ) as owner_at
    from combined
    left join {{ ref('int_month') }} as months
        on combined.month = months.month
    left join {{ ref('int_subscription_lifetime') }} as lifetime
        on combined.subscription_id = lifetime.subscription_id

),

described as (

    select
        known.*,
        version.customer_id,
        coalesce(version.region_id, known.booked_region_id) as region_id,
        coalesce(version.brand_name, 'unknown') as brand_name,
        coalesce(version.service_line, 'unknown') as service_line,
        coalesce(version.plan_type, 'unknown') as plan_type,
        coalesce(monthly_value.value_tier, 'standard') as value_tier,
        known.is_revenue_delivered and (known.is_cost_delivered or not known.is_cost_expected) as is_margin_known
    from known
    left join {{ ref('dim_subscription') }} as version
        on known.subscription_id = version.subscription_id and {{ version_before('version', 'known.owner_at') }}
    left join {{ ref('int_subscription_month_value') }} as monthly_value
        on known.subscription_id = monthly_value.subscription_id and known.month = monthly_value.month

),

-- What was posted to a month counts there even where the bills of the month itself are still to come.
charged as (

    select
        *,
        {%- for charge_type in charge_types %}
            coalesce({{ charge_type }}_revenue_amount, case when is_revenue_delivered then 0 end)
                as known_{{ charge_type }}_revenue_amount,
        {%- endfor %}
        {%- for kind in cost_kinds %}
            {%- if kind in booked_only %}
                case when is_cost_delivered then coalesce({{ kind }}_amount, 0) else {{ kind }}_amount end
                    as {{ kind }}_cost_amount,
                case
                    when {{ kind }}_amount is null and not is_cost_delivered then 'not_delivered'
                    else {{ kind }}_method
                end as {{ kind }}_cost_method,
            {%- else %}
                coalesce({{ kind }}_amount, 0) as {{ kind }}_cost_amount,
                {{ kind }}_method as {{ kind }}_cost_method,
            {%- endif %}
        {%- endfor %}
        coalesce(revenue_amount, case when is_revenue_delivered then 0 end) as known_revenue_amount,
        coalesce(service_revenue_amount, case when is_revenue_delivered then 0 end) as known_service_revenue_amount
    from described

),

margins as (

    select
        *,
        known_service_revenue_amount
        - interconnect_cost_amount
        - network_cost_amount
        - service_cost_amount
        - bad_debt_cost_amount as running_margin_amount,
        known_revenue_amount
        {%- for kind in cost_kinds %}
            - coalesce({{ kind }}_cost_amount, 0)
        {%- endfor %} as contribution_margin_amount
    from charged

)

select
    month,
    subscription_id,
    customer_id,
    {{ slice_list() }},
    currency_code,
    is_month_closed,
    is_open_month,
    {%- for charge_type in charge_types %}
        known_{{ charge_type }}_revenue_amount as {{ charge_type }}_revenue_amount,
    {%- endfor %}
    known_service_revenue_amount as service_revenue_amount,
    known_revenue_amount as revenue_amount,
    {%- for kind in cost_kinds %}
        {{ kind }}_cost_amount,
        {{ kind }}_cost_method,
    {%- endfor %}
    coalesce(retention_cost_amount, 0) as retention_campaign_cost_amount,
    case when is_margin_known then running_margin_amount end as running_margin_amount,
    case when is_margin_known then contribution_margin_amount end as contribution_margin_amount
from margins
