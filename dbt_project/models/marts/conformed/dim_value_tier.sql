select
    value_tier,
    currency_code,
    tier_rank,
    min_mean_revenue_amount,
    min_tenure_days,
    value_tier in (
        {%- for tier in var('core_value_tiers') %}
            '{{ tier }}'{% if not loop.last %},{% endif %}
        {%- endfor %}
    ) as is_core
from {{ ref('value_tier') }}
