-- Lines that group customers have with rivals, by the end of the contract there: from opportunities about such
-- lines, and from what is known of the members of groups.
with opportunities as (

    select
        'opportunity' as evidence_type,
        state.opportunity_id as evidence_id,
        state.customer_id,
        state.owner_staff_id,
        state.product_line,
        state.rival_name,
        state.rival_contract_end_date as contract_end_date,
        state.line_count,
        state.stage_code,
        state.is_open,
        state.is_won,
        state.rival_fee_amount,
        state.rival_bandwidth_mbps,
        state.expected_amount,
        state.currency_code
    from {{ ref('int_opportunity_state') }} as state
    where state.is_current
        and state.opportunity_type = 'rival_line'
        and state.rival_contract_end_date is not null

),

members as (

    {{ entity_history(
        ref('stg_enterprise__group_member'),
        'group_member_id',
        ['group_customer_id', 'rival_operator', 'rival_contract_end_date', 'valid_to_date']
    ) }}

),

lines as (

    select * from opportunities

    union all

    select
        'group_member' as evidence_type,
        group_member_id as evidence_id,
        group_customer_id as customer_id,
        cast(null as {{ dbt.type_string() }}) as owner_staff_id,
        cast(null as {{ dbt.type_string() }}) as product_line,
        rival_operator as rival_name,
        rival_contract_end_date as contract_end_date,
        1 as line_count,
        cast(null as {{ dbt.type_string() }}) as stage_code,
        false as is_open,
        false as is_won,
        cast(null as numeric) as rival_fee_amount,
        cast(null as {{ dbt.type_int() }}) as rival_bandwidth_mbps,
        cast(null as numeric) as expected_amount,
        cast(null as {{ dbt.type_string() }}) as currency_code
    from members
    where is_current and rival_operator is not null and rival_contract_end_date is not null and valid_to_date is null

),

dated as (

    select
        lines.*,
        as_of.as_of_date,
        {{ dbt.datediff('as_of.as_of_date', 'lines.contract_end_date', 'day') }} as expiry_days -- noqa: LT05
    from lines
    cross join {{ ref('int_as_of_date') }} as as_of

)

select
    dated.evidence_type,
    dated.evidence_id,
    dated.as_of_date,
    {{ month_of('dated.contract_end_date') }} as expiry_month,
    dated.contract_end_date,
    cast(dated.expiry_days as integer) as expiry_days,
    case
        when dated.expiry_days < 0 then 'expired'
        when dated.expiry_days <= 30 then 'within 30 days'
        when dated.expiry_days <= 90 then 'within 90 days'
        when dated.expiry_days <= 180 then 'within 180 days'
        else 'later'
    end as expiry_band_name,
    dated.customer_id,
    coalesce(customer.region_id, 'unknown') as region_id,
    dated.owner_staff_id,
    dated.product_line,
    dated.rival_name,
    cast(dated.line_count as bigint) as line_count,
    dated.stage_code,
    dated.is_open as is_opportunity_open,
    dated.is_won,
    cast(dated.rival_fee_amount as numeric(18, 2)) as rival_fee_amount,
    cast(dated.rival_bandwidth_mbps as bigint) as rival_bandwidth_mbps,
    cast(dated.expected_amount as numeric(18, 2)) as expected_amount,
    dated.currency_code
from dated
left join {{ ref('dim_customer') }} as customer
    on dated.customer_id = customer.customer_id and customer.is_current
