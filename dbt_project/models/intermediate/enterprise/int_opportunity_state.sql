-- States of opportunities in order of time, each with the instant at which its stage was entered: a change of anything
-- else, the amount for example, does not begin the stage anew.
with history as (

    {{ entity_history(
        ref('stg_enterprise__opportunity'),
        'opportunity_id',
        [
            'customer_id', 'owner_staff_id', 'opportunity_type', 'product_line', 'source_code', 'stage_code',
            'line_count', 'expected_amount', 'currency_code', 'probability', 'expected_close_date', 'rival_name',
            'rival_contract_end_date', 'rival_fee_amount', 'rival_bandwidth_mbps', 'level_code', 'approval_code',
            'is_partner_registered', 'created_at'
        ],
        first_from='least(created_at, effective_at)'
    ) }}

),

marked as (

    select
        *,
        case
            when lag(stage_code) over (partition by opportunity_id order by version_number) = stage_code then 0
            else 1
        end as is_stage_begun
    from history

),

numbered as (

    select
        *,
        sum(is_stage_begun) over (
            partition by opportunity_id order by version_number rows unbounded preceding
        ) as stage_number
    from marked

)

select
    numbered.opportunity_id,
    numbered.version_number,
    numbered.valid_from_at,
    numbered.valid_to_at,
    numbered.is_current,
    numbered.customer_id,
    numbered.owner_staff_id,
    numbered.opportunity_type,
    numbered.product_line,
    numbered.source_code,
    numbered.stage_code,
    stage.stage_rank,
    stage.stage_name,
    stage.win_probability,
    stage.is_open,
    stage.is_won,
    min(numbered.valid_from_at) over (
        partition by numbered.opportunity_id, numbered.stage_number
    ) as stage_entered_at,
    numbered.line_count,
    numbered.expected_amount,
    numbered.currency_code,
    numbered.probability,
    numbered.expected_close_date,
    numbered.rival_name,
    numbered.rival_contract_end_date,
    numbered.rival_fee_amount,
    numbered.rival_bandwidth_mbps,
    numbered.level_code,
    numbered.approval_code,
    numbered.is_partner_registered,
    numbered.created_at
from numbered
inner join {{ ref('opportunity_stage') }} as stage
    on numbered.stage_code = stage.stage_code
