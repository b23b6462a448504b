{%- set grain = [
    'subscription_id', 'service_month', 'posted_month', 'charge_type', 'document_type', 'account_id', 'currency_code',
    'allocation_method'
] -%}
{%- set qualified = [] -%}
{%- for column in grain -%}
    {%- do qualified.append('dated.' ~ column) -%}
{%- endfor -%}
{{ by_partition('posted_month', 'month', indexes=[{'columns': ['subscription_id']}]) }}
{%- set of_subscription = "select line.posted_month from changed inner join " ~ ref('int_revenue_allocated')
    ~ " as line"
    ~ " on changed.key_value = line.subscription_id and (changed.is_first or changed.from_at < "
    ~ local_midnight(date_plus('line.service_month', 1, 'month')) ~ ")" -%}
{%- set of_account = "select line.posted_month from changed inner join " ~ ref('int_revenue_allocated') ~ " as line"
    ~ " on changed.key_value = line.account_id and (changed.is_first or changed.from_at < "
    ~ local_midnight(date_plus('line.service_month', 1, 'month')) ~ ")" -%}
{%- set touched = touched_partitions({
    'int_revenue_allocated': 'same',
    'int_subscription_lifetime': {'keys': of_subscription},
    'dim_subscription': {'keys': of_subscription},
    'dim_account': {'keys': of_account},
}) %}

-- Owner, user and payer are those at the end of the service month, or when the subscription was terminated in it.
with amounts as (

    select
        {{ grain | join(',\n        ') }},
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from {{ ref('int_revenue_allocated') }}
    where {{ in_partitions('posted_month', touched, 'month') }}
    group by {{ grain | join(', ') }}

),

dated as (

    select
        amounts.*,
        {{ local_midnight(date_plus('amounts.service_month', 1, 'month')) }} as payer_at,
        least(
            {{ local_midnight(date_plus('amounts.service_month', 1, 'month')) }},
            coalesce(lifetime.terminated_at, {{ end_of_time() }})
        ) as owner_at
    from amounts
    left join {{ ref('int_subscription_lifetime') }} as lifetime
        on amounts.subscription_id = lifetime.subscription_id

)

select
    {{ surrogate_key(qualified) }} as revenue_sk,
    dated.service_month,
    dated.posted_month,
    dated.subscription_id,
    version.subscription_sk,
    version.customer_id as owner_customer_id,
    coalesce(version.user_customer_id, version.customer_id) as user_customer_id,
    dated.account_id as payer_account_id,
    payer.customer_id as payer_customer_id,
    dated.charge_type,
    dated.document_type,
    dated.allocation_method,
    charge.is_service_revenue,
    dated.currency_code,
    dated.net_amount,
    dated.tax_amount
from dated
inner join {{ ref('charge_type') }} as charge
    on dated.charge_type = charge.charge_type
left join {{ ref('dim_subscription') }} as version
    on dated.subscription_id = version.subscription_id and {{ version_before('version', 'dated.owner_at') }}
left join {{ ref('dim_account') }} as payer
    on dated.account_id = payer.account_id and {{ version_before('payer', 'dated.payer_at') }}
