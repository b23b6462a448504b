-- To the cent: every booking and every document stands in customer_profit_monthly once, in the month it was posted to.
{%- set booked = {
    'interconnect': 'interconnect', 'network': 'network', 'care': 'service', 'subsidy': 'subsidy',
    'commission': 'commission', 'marketing': 'campaign'
} %}
with booked as (

    select
        greatest(
            cost.cost_month,
            {{ month_of(date_plus(
                'greatest(' ~ local_date('cost.booked_at') ~ ', load.business_date)', -1 * var('month_close_days')
            )) }}
        ) as month,
        cost.currency_code,
        cost.cost_type as kind,
        cost.amount
    from {{ source('finance', 'cost') }} as cost
    inner join {{ source('ops', 'load') }} as load
        on cost._load_id = load.load_id

),

-- A kind that is not booked for a month is estimated, and ties with nothing.
expected as (

    select
        month,
        currency_code,
        kind,
        sum(amount) as amount
    from booked
    group by month, currency_code, kind

    union all

    select
        posted_month as month,
        currency_code,
        'revenue' as kind,
        sum(net_amount) as amount
    from {{ ref('fct_revenue') }}
    group by posted_month, currency_code

),

found as (

    {% for cost_type, kind in booked.items() %}
        select
            month,
            currency_code,
            '{{ cost_type }}' as kind,
            sum({{ kind }}_cost_amount) as amount
        from {{ ref('customer_profit_monthly') }}
        where {{ kind }}_cost_method <> 'unit_cost'
        group by month, currency_code
        union all
    {% endfor %}
    select
        month,
        currency_code,
        'revenue' as kind,
        sum(revenue_amount) as amount
    from {{ ref('customer_profit_monthly') }}
    group by month, currency_code

)

select
    coalesce(expected.month, found.month) as month,
    coalesce(expected.kind, found.kind) as kind,
    coalesce(expected.currency_code, found.currency_code) as currency_code,
    expected.amount as expected_amount,
    found.amount as found_amount
from expected
full outer join found
    on expected.month = found.month and expected.kind = found.kind and expected.currency_code = found.currency_code
where coalesce(expected.amount, 0) <> coalesce(found.amount, 0)
