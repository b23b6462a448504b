-- The latest delivered state of each region, and a row for what no region is known for.
with ranked as (

    select
        *,
        row_number() over (partition by region_id order by effective_at desc) as recency
    from {{ ref('stg_crm__region') }}
    where effective_at < {{ as_of_end_at() }}

)

select
    region_id,
    region_name,
    province_name,
    city_name,
    cast(population as bigint) as population,
    cast(households as bigint) as households,
    cast(firms as bigint) as firms
from ranked
where recency = 1

union all

select
    'unknown' as region_id,
    'Unknown' as region_name,
    'Unknown' as province_name,
    cast(null as {{ dbt.type_string() }}) as city_name,
    cast(null as bigint) as population,
    cast(null as bigint) as households,
    cast(null as bigint) as firms
where
    not exists (
        select 1
        from ranked
        where region_id = 'unknown'
    )
