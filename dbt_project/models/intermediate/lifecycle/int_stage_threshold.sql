-- The thresholds of the stages side by side, for models that need several in one place.
select
    {%- for rule in [
        'exit_months', 'acquisition_days', 'decline_high_signal_count', 'decline_medium_signal_count',
        'decline_score_max_age_days', 'growth_window_months', 'growth_offer_months'
    ] %}
        max(case when rule_code = '{{ rule }}' then cast(threshold_value as integer) end) as {{ rule }},
    {%- endfor %}
    max(case when rule_code = 'decline_churn_probability' then threshold_value end) as decline_churn_probability,
    max(case when rule_code = 'growth_revenue_ratio' then threshold_value end) as growth_revenue_ratio
from {{ ref('lifecycle_stage_rule') }}
