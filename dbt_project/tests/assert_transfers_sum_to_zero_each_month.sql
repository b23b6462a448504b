select
    month,
    sum(transfer_in_count) as transfer_in_count,
    sum(transfer_out_count) as transfer_out_count
from {{ ref('base_movement_monthly') }}
group by month
having sum(transfer_in_count) <> sum(transfer_out_count)
