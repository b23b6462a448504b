-- The values of a customer's lines added up. Lines deviate from their value independently, so the deviation of the sum
-- is the root of the sum of squares; interval_scale is what made such intervals hold in the back-tests of the kind.
with summed as (

    select
        as_of_date,
        customer_id,
        currency_code,
        count(*) as line_count,
        sum(case when value_kind = 'contractual' then value_amount end) as contractual_value_amount,
        sum(case when value_kind = 'prepaid' then value_amount end) as prepaid_value_amount,
        sum(value_amount) as value_amount,
        sqrt(sum(power(cast(interval_scale * deviation_amount as double precision), 2))) as half_width,
        sum(monthly_margin_amount) as monthly_margin_amount,
        avg(expected_months) as expected_months,
        max(horizon_months) as horizon_months,
        max(annual_discount_rate) as annual_discount_rate,
        max(model_run_id) as model_run_id
    from {{ ref('stg_scores__subscription_lifetime_value') }}
    where customer_id not like 'erased-%'
    group by as_of_date, customer_id, currency_code

)

select
    as_of_date,
    customer_id,
    cast(line_count as integer) as line_count,
    cast(contractual_value_amount as numeric(18, 2)) as contractual_value_amount,
    cast(prepaid_value_amount as numeric(18, 2)) as prepaid_value_amount,
    cast(value_amount as numeric(18, 2)) as value_amount,
    cast(value_amount - cast(half_width as numeric) as numeric(18, 2)) as value_low_amount,
    cast(value_amount + cast(half_width as numeric) as numeric(18, 2)) as value_high_amount,
    cast(monthly_margin_amount as numeric(18, 2)) as monthly_margin_amount,
    cast(expected_months as numeric(9, 2)) as expected_months,
    horizon_months,
    cast(annual_discount_rate as numeric(9, 6)) as annual_discount_rate,
    currency_code,
    model_run_id
from summed
