-- What costs more than it brings, by the main offer that the line held as the month ended.
with line_month as (

    select
        profit.month,
        profit.currency_code,
        version.main_offer_id as offer_id,
        profit.subscription_id,
        profit.running_margin_amount,
        profit.discount_revenue_amount,
        safe.subscription_id is not null as is_safe
    from {{ ref('customer_profit_monthly') }} as profit
    inner join {{ ref('int_subscription_month') }} as movement
        on profit.month = movement.month and profit.subscription_id = movement.subscription_id
    inner join {{ ref('dim_subscription') }} as version
        on movement.closing_subscription_sk = version.subscription_sk
    left join {{ ref('int_safe_subscription_month') }} as safe
        on profit.month = safe.month and profit.subscription_id = safe.subscription_id
    where profit.running_margin_amount is not null

),

actions as (

    select
        month,
        'negative_margin_offer' as action_type,
        offer_id,
        currency_code,
        count(distinct subscription_id) as subscription_count,
        -1 * sum(running_margin_amount) as destroyed_amount
    from line_month
    group by month, offer_id, currency_code
    having sum(running_margin_amount) < 0

    union all

    select
        month,
        'discount_to_safe' as action_type,
        offer_id,
        currency_code,
        count(distinct subscription_id) as subscription_count,
        -1 * sum(discount_revenue_amount) as destroyed_amount
    from line_month
    where is_safe and discount_revenue_amount < 0
    group by month, offer_id, currency_code

)

select
    actions.month,
    actions.action_type,
    actions.offer_id,
    actions.currency_code,
    months.is_month_closed,
    months.is_open_month,
    actions.subscription_count,
    actions.destroyed_amount,
    12 * actions.destroyed_amount as yearly_saving_amount
from actions
inner join {{ ref('int_month') }} as months
    on actions.month = months.month
