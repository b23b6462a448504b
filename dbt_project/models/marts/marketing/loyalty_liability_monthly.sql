-- A member whose region or tier changed moves the points held from one slice to the other: opening at the old one, then
-- transferred.
{% set movements = ['earned', 'redeemed', 'expired', 'adjusted'] -%}
with member_months as (

    select
        *,
        coalesce(lag(region_id) over (partition by customer_id order by month), region_id) as opening_region_id,
        coalesce(lag(value_tier) over (partition by customer_id order by month), value_tier) as opening_value_tier
    from {{ ref('int_loyalty_member_month') }}

),

sides as (

    select
        month,
        opening_region_id as region_id,
        opening_value_tier as value_tier,
        opening_points,
        case when region_id <> opening_region_id or value_tier <> opening_value_tier then opening_points else 0 end
            as transfer_out_points,
        0 as transfer_in_points,
        {%- for movement in movements %}
            0 as {{ movement }}_points,
        {%- endfor %}
        0 as closing_points,
        0 as member_count
    from member_months

    union all

    select
        month,
        region_id,
        value_tier,
        0 as opening_points,
        0 as transfer_out_points,
        case when region_id <> opening_region_id or value_tier <> opening_value_tier then opening_points else 0 end
            as transfer_in_points,
        {%- for movement in movements %}
            {{ movement }}_points,
        {%- endfor %}
        closing_points,
        case when closing_points > 0 then 1 else 0 end as member_count
    from member_months

),

slices as (

    select
        month,
        region_id,
        value_tier,
        {%- for column in movements + ['opening', 'transfer_in', 'transfer_out', 'closing'] %}
            {{ sum_whole(column ~ '_points') }} as {{ column }}_points,
        {%- endfor %}
        {{ sum_whole('member_count') }} as member_count
    from sides
    group by month, region_id, value_tier

),

programme as (

    select
        month,
        sum(redeemed_points) as redeemed_points,
        sum(expired_points) as expired_points
    from slices
    group by month

),

-- Of the points that came to their end in the last months, the share that nobody spent.
breakage as (

    select
        month,
        sum(expired_points) over (
            order by month rows between {{ var('loyalty_breakage_months') - 1 }} preceding and current row
        ) as expired_points,
        sum(redeemed_points + expired_points) over (
            order by month rows between {{ var('loyalty_breakage_months') - 1 }} preceding and current row
        ) as ended_points
    from programme

),

rates as (

    select
        month,
        cast(cast(expired_points as numeric) / nullif(ended_points, 0) as numeric(9, 6)) as breakage_rate
    from breakage

),

dated_values as (

    select
        valid_from_month,
        point_value_amount,
        currency_code,
        lead(valid_from_month) over (order by valid_from_month) as valid_to_month
    from {{ ref('loyalty_point_value') }}

)

select
    slices.month,
    slices.region_id,
    slices.value_tier,
    months.is_month_closed,
    months.is_open_month,
    slices.opening_points,
    slices.transfer_in_points,
    slices.earned_points,
    slices.redeemed_points,
    slices.expired_points,
    slices.adjusted_points,
    slices.transfer_out_points,
    slices.closing_points,
    slices.member_count,
    dated_values.point_value_amount,
    rates.breakage_rate,
    cast(slices.closing_points * dated_values.point_value_amount as numeric(18, 2)) as gross_liability_amount,
    cast(
        slices.closing_points * dated_values.point_value_amount * (1 - coalesce(rates.breakage_rate, 0))
        as numeric(18, 2)
    ) as liability_amount,
    dated_values.currency_code
from slices
inner join {{ ref('int_month') }} as months
    on slices.month = months.month
inner join rates
    on slices.month = rates.month
left join dated_values
    on slices.month >= dated_values.valid_from_month
        and (dated_values.valid_to_month is null or slices.month < dated_values.valid_to_month)
