-- Nothing compared, no figure; something compared, an effect within its own interval.
select
    offer_id,
    first_month,
    month_count,
    verdict_name
from {{ ref('price_change_effect') }}
where
    (month_count = 0 and coalesce(before_opening_count, after_opening_count, other_offer_count) is not null)
    or (month_count = 0 and coalesce(effect_rate, effect_low_rate, effect_high_rate) is not null)
    or (month_count > 0 and (before_opening_count is null or after_opening_count is null))
    or (effect_rate is null) <> (verdict_name in ('too recent', 'not comparable'))
    or effect_rate not between effect_low_rate and effect_high_rate
    or month_count > {{ var('price_change_window_months') }}
    or (month_count = {{ var('price_change_window_months') }} and not is_window_complete)
