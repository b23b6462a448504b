-- What became of the rows that were delivered: landed, refused and why, or there already. A file without a business
-- date counts in the month of the latest day for which anything was delivered.
with loads as (

    select
        load_id,
        source_name,
        entity_name,
        row_count,
        landed_count,
        rejected_count,
        duplicate_count,
        {{ month_of('coalesce(business_date, max(business_date) over ())') }} as month
    from {{ ref('stg_ops__load') }}

),

-- A row that breaks two rules is one refused row and counts under both.
broken as (

    select distinct
        load_id,
        line_number,
        rule_name
    from {{ ref('stg_ops__reject') }}

),

refused as (

    select
        loads.month,
        loads.source_name,
        loads.entity_name,
        broken.rule_name,
        count(*) as row_count
    from loads
    inner join broken
        on loads.load_id = broken.load_id
    group by loads.month, loads.source_name, loads.entity_name, broken.rule_name

),

reasons as (

    select
        month,
        source_name,
        entity_name,
        {{ dbt.listagg(
            measure="rule_name || ' ' || cast(row_count as " ~ dbt.type_string() ~ ")",
            delimiter_text="', '",
            order_by_clause="order by row_count desc, rule_name"
        ) }} as reject_rule_text
    from refused
    group by month, source_name, entity_name

),

counts as (

    select
        month,
        source_name,
        entity_name,
        count(*) as file_count,
        {{ sum_whole('row_count') }} as row_count,
        {{ sum_whole('landed_count') }} as landed_count,
        {{ sum_whole('rejected_count') }} as rejected_count,
        {{ sum_whole('duplicate_count') }} as duplicate_count
    from loads
    where month is not null
    group by month, source_name, entity_name

)

select
    counts.month,
    counts.source_name,
    counts.entity_name,
    counts.file_count,
    counts.row_count,
    counts.landed_count,
    counts.rejected_count,
    counts.duplicate_count,
    reasons.reject_rule_text
from counts
left join reasons
    on counts.month = reasons.month
        and counts.source_name = reasons.source_name
        and counts.entity_name = reasons.entity_name
