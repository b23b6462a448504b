-- One row for each stage in which a lead was, came to or left in the month. Leads that were decided are in no open
-- stage: converted and lost count those that came to them.
with months as (

    select
        month,
        is_month_closed,
        is_open_month,
        start_at,
        end_at,
        {{ date_plus('last_date', 1) }} as next_date
    from {{ ref('int_month') }}

),

stays as (

    select
        months.month,
        months.is_month_closed,
        months.is_open_month,
        stage.region_id,
        stage.channel_id,
        stage.source_code,
        stage.product_interest_code,
        stage.status_code,
        stage.stage_rank,
        stage.is_open,
        stage.is_open and stage.entered_at < months.start_at as is_opening,
        stage.is_open and (stage.left_at is null or stage.left_at >= months.end_at) as is_closing,
        stage.entered_at >= months.start_at as is_entered,
        stage.entered_at >= months.start_at and stage.previous_status_code is null as is_created,
        stage.entered_at >= months.start_at and coalesce(not previous.is_open, false) as is_reopened,
        stage.is_open and stage.left_at < months.end_at as is_left,
        following.is_open as is_next_open,
        stage.next_status_code,
        {{ dbt.datediff('stage.entered_date', 'months.next_date', 'day') }} - 1 as closing_age_days, -- noqa: LT05
        {{ dbt.datediff('stage.entered_date', 'stage.left_date', 'day') }} as left_age_days -- noqa: LT05
    from months
    inner join {{ ref('int_lead_stage') }} as stage
        on stage.entered_at < months.end_at
            and (stage.left_at is null or stage.left_at >= months.start_at)
            and (stage.is_open or stage.entered_at >= months.start_at)
    left join {{ ref('lead_stage') }} as previous
        on stage.previous_status_code = previous.status_code
    left join {{ ref('lead_stage') }} as following
        on stage.next_status_code = following.status_code

)

select
    month,
    region_id,
    channel_id,
    source_code,
    product_interest_code,
    status_code,
    stage_rank,
    is_month_closed,
    is_open_month,
    count(case when is_opening then 1 end) as opening_count,
    count(case when is_created then 1 end) as created_count,
    count(case when is_reopened then 1 end) as reopened_count,
    count(case when is_entered then 1 end) as entered_count,
    count(case when is_left then 1 end) as left_count,
    count(case when is_left and is_next_open then 1 end) as moved_on_count,
    count(case when is_left and next_status_code = 'converted' then 1 end) as left_converted_count,
    count(case when is_left and next_status_code = 'lost' then 1 end) as left_lost_count,
    count(case when is_closing then 1 end) as closing_count,
    {{ sum_whole('case when is_left then left_age_days else 0 end') }} as left_age_days,
    {{ sum_whole('case when is_closing then closing_age_days else 0 end') }} as closing_age_days,
    cast(max(case when is_closing then closing_age_days end) as bigint) as oldest_age_days
from stays
group by
    month,
    region_id,
    channel_id,
    source_code,
    product_interest_code,
    status_code,
    stage_rank,
    is_month_closed,
    is_open_month
