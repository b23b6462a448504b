select
    as_of_date,
    subscription_id,
    customer_id,
    value_kind,
    expected_months,
    monthly_margin_amount,
    value_amount,
    deviation_amount,
    interval_scale,
    horizon_months,
    annual_discount_rate,
    currency_code,
    contact_gain_amount,
    model_run_id
from {{ source('scores', 'subscription_lifetime_value') }}
