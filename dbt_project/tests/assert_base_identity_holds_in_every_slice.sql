-- closing = opening + activations + reactivations + win-backs + transfers in - churn - transfers out.
select
    month,
    {{ slice_list() }},
    opening_count,
    closing_count
from {{ ref('base_movement_monthly') }}
where closing_count
    <> opening_count
    + activation_count
    + reactivation_count
    + win_back_count
    + transfer_in_count
    - churn_count
    - transfer_out_count
