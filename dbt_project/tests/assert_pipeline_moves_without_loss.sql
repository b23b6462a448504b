-- Opening, plus what came, less what went, is closing; each opening is the closing before; what moved in moved out.
with stages as (

    select
        movement.*,
        previous.closing_count as previous_count,
        previous.closing_amount as previous_amount,
        min(movement.month) over () as first_month
    from {{ ref('opportunity_movement_monthly') }} as movement
    left join {{ ref('opportunity_movement_monthly') }} as previous
        on movement.month = {{ date_plus('previous.month', 1, 'month') }}
            and movement.region_id = previous.region_id
            and movement.opportunity_type = previous.opportunity_type
            and movement.source_code = previous.source_code
            and movement.stage_code = previous.stage_code
            and movement.currency_code = previous.currency_code

)

select
    month,
    stage_code,
    currency_code
from stages
where opening_count + new_count + moved_in_count - moved_out_count - won_count - lost_count <> closing_count
    or opening_amount + new_amount + moved_in_amount + revalued_amount - moved_out_amount - won_amount - lost_amount
    <> closing_amount
    or (month > first_month and opening_count <> coalesce(previous_count, 0))
    or (month > first_month and opening_amount <> coalesce(previous_amount, 0))

union all

select
    month,
    'all' as stage_code,
    'all' as currency_code
from stages
group by month
having sum(moved_in_count) <> sum(moved_out_count)
