-- Opening, plus what came in, less what went out, is closing; and the opening is the closing of the month before.
with compared as (

    select
        liability.month,
        liability.region_id,
        liability.value_tier,
        liability.opening_points
        + liability.transfer_in_points
        + liability.earned_points
        - liability.redeemed_points
        - liability.expired_points
        + liability.adjusted_points
        - liability.transfer_out_points
        - liability.closing_points as difference,
        liability.opening_points - coalesce(previous.closing_points, 0) as gap,
        min(liability.month) over () as first_month
    from {{ ref('loyalty_liability_monthly') }} as liability
    left join {{ ref('loyalty_liability_monthly') }} as previous
        on liability.month = {{ date_plus('previous.month', 1, 'month') }}
            and liability.region_id = previous.region_id
            and liability.value_tier = previous.value_tier

)

select *
from compared
where difference <> 0 or (gap <> 0 and month <> first_month)
