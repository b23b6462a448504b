with rival_lists as (

    select
        months.month,
        offer.rival_name,
        offer.region_id,
        offer.service_line,
        offer.currency_code,
        min(offer.monthly_fee_amount) as lowest_fee_amount
    from {{ ref('int_month') }} as months
    inner join {{ ref('int_rival_offer_history') }} as offer
        on offer.valid_from_at < months.end_at and {{ version_before('offer', 'months.end_at') }}
    group by months.month, offer.rival_name, offer.region_id, offer.service_line, offer.currency_code

),

described as (

    select
        months.last_date,
        months.is_month_closed,
        months.is_open_month,
        monthly.*,
        state.customer_id,
        state.owner_staff_id,
        state.opportunity_type,
        state.product_line,
        state.source_code,
        state.stage_code,
        state.stage_rank,
        state.stage_name,
        state.win_probability,
        state.probability,
        state.stage_entered_at,
        state.line_count,
        state.expected_amount,
        state.currency_code,
        state.expected_close_date,
        state.rival_name,
        state.rival_contract_end_date,
        state.rival_fee_amount,
        state.rival_bandwidth_mbps,
        state.approval_code,
        state.is_partner_registered,
        state.level_code,
        {{ local_date('state.created_at') }} as created_date,
        {{ local_date('state.stage_entered_at') }} as stage_entered_date,
        case when opening.currency_code = state.currency_code then opening.expected_amount end as opening_amount,
        {{ local_date('monthly.delivered_at') }} as delivered_date
    from {{ ref('int_opportunity_month') }} as monthly
    inner join {{ ref('int_month') }} as months
        on monthly.month = months.month
    inner join {{ ref('int_opportunity_state') }} as state
        on monthly.opportunity_id = state.opportunity_id
            and monthly.closing_version_number = state.version_number
    left join {{ ref('int_opportunity_state') }} as opening
        on monthly.opportunity_id = opening.opportunity_id
            and monthly.opening_version_number = opening.version_number

)

select
    described.month,
    described.opportunity_id,
    described.is_month_closed,
    described.is_open_month,
    described.last_date as snapshot_date,
    described.customer_id,
    described.owner_staff_id,
    described.region_id,
    region.province_name,
    region.city_name,
    coalesce(
        described.level_code,
        case
            when region.region_name = region.province_name then 'province'
            when region.region_name = region.city_name then 'city'
            else 'district'
        end
    ) as level_code,
    described.opportunity_type,
    described.product_line,
    described.source_code,
    described.approval_code,
    described.stage_code,
    described.stage_name,
    described.stage_rank,
    described.is_opening,
    described.is_new,
    described.is_closing as is_open,
    described.is_won,
    described.is_lost,
    described.is_backlog,
    described.created_date,
    described.stage_entered_date,
    described.expected_close_date,
    described.delivered_date,
    {{ dbt.datediff(
        'described.created_date',
        'case when described.is_closing then described.last_date else described.stage_entered_date end',
        'day'
    ) }} as age_days, -- noqa: LT05
    {{ dbt.datediff('described.stage_entered_date', 'described.last_date', 'day') }} as stage_age_days, -- noqa: LT05
    described.is_closing and coalesce(described.expected_close_date < described.last_date, false) as is_overdue,
    described.line_count,
    described.win_probability,
    described.probability as delivered_probability,
    case when described.is_opening then coalesce(described.opening_amount, 0) else 0 end as opening_amount,
    case
        when described.is_closing or described.is_decided
            then described.expected_amount - coalesce(described.opening_amount, described.expected_amount)
        else 0
    end as revalued_amount,
    case
        when (described.is_closing or described.is_decided) and described.opening_amount is null
            then described.expected_amount
        else 0
    end as new_amount,
    case when described.is_won then described.expected_amount else 0 end as won_amount,
    case when described.is_lost then described.expected_amount else 0 end as lost_amount,
    case when described.is_closing then described.expected_amount else 0 end as open_amount,
    cast(
        case when described.is_closing then described.expected_amount * described.win_probability else 0 end
        as numeric(18, 2)
    ) as weighted_amount,
    case when described.is_backlog then described.expected_amount else 0 end as backlog_amount,
    described.is_partner_registered,
    source.commission_rate > 0
    and (not source.is_registration_needed or coalesce(described.is_partner_registered, false)) as is_commission_due,
    cast(
        case
            when not described.is_won then 0
            when source.is_registration_needed and not coalesce(described.is_partner_registered, false) then 0
            else described.expected_amount * source.commission_rate
        end as numeric(18, 2)
    ) as commission_amount,
    described.rival_name,
    described.rival_fee_amount,
    rival_lists.lowest_fee_amount as rival_list_fee_amount,
    described.rival_bandwidth_mbps,
    described.rival_contract_end_date,
    {{ dbt.datediff('described.last_date', 'described.rival_contract_end_date', 'day') }} as rival_expiry_days, -- noqa: LT05
    described.currency_code
from described
left join {{ ref('dim_region') }} as region
    on described.region_id = region.region_id
left join {{ ref('opportunity_source') }} as source
    on described.source_code = source.source_code
left join rival_lists
    on described.month = rival_lists.month
        and described.opportunity_type = 'rival_line'
        and described.rival_name = rival_lists.rival_name
        and described.region_id = rival_lists.region_id
        and described.product_line = rival_lists.service_line
        and described.currency_code = rival_lists.currency_code
