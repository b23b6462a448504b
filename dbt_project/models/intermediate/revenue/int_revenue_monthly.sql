{{ by_partition('month', 'month') }}
{%- set touched = touched_partitions({'fct_revenue': 'same'}) %}

-- Revenue of a subscription in the month it was posted to.
select
    posted_month as month,
    subscription_id,
    currency_code,
    sum(net_amount) filter (where is_service_revenue) as service_revenue_amount,
    sum(net_amount) as total_net_amount
from {{ ref('fct_revenue') }}
where {{ in_partitions('posted_month', touched, 'month') }}
group by posted_month, subscription_id, currency_code
