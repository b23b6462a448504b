-- The target in force for each KPI, month and slice: the one that was set last. Several targets may cover a slice; how
-- many dimensions one names (`all` stands for every member) says how closely it fits.
with ranked as (

    select
        *,
        row_number() over (
            partition by kpi_code, month, region_id, brand_name, service_line, plan_type
            order by effective_at desc
        ) as recency
    from {{ ref('stg_finance__kpi_target') }}
    where effective_at < {{ as_of_end_at() }}

)

select
    {{ surrogate_key(['kpi_code', 'month', 'region_id', 'brand_name', 'service_line', 'plan_type']) }} as kpi_target_sk,
    kpi_code,
    month,
    region_id,
    brand_name,
    service_line,
    plan_type,
    target_value,
    -- Dimensions named; of two targets that name as many, the one that names the earlier dimension fits better.
    case when region_id = 'all' then 0 else 108 end
    + case when brand_name = 'all' then 0 else 104 end
    + case when service_line = 'all' then 0 else 102 end
    + case when plan_type = 'all' then 0 else 101 end as closeness
from ranked
where recency = 1
