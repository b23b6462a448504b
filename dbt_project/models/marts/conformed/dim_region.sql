-- The latest delivered state of each region, and a row for what no region is known for.
with ranked as (

    select
        *,
        row_number() over (partition by region_id order by effective_at desc) as recency
    from {{ ref('stg_crm__region') }}
    where effective_at < {{ as_of_end_at() }}

)

select
    ranked.region_id,
    ranked.region_name,
    ranked.province_name,
    ranked.city_name,
    cast(ranked.population as bigint) as population,
    cast(ranked.households as bigint) as households,
    cast(ranked.firms as bigint) as firms,
    location.longitude_degrees,
    location.latitude_degrees
from ranked
left join {{ ref('region_location') }} as location
    on
        ranked.province_name = location.province_name
        and ranked.city_name = location.city_name
where ranked.recency = 1

union all

select
    'unknown' as region_id,
    'Unknown' as region_name,
    'Unknown' as province_name,
    cast(null as {{ dbt.type_string() }}) as city_name,
    cast(null as bigint) as population,
    cast(null as bigint) as households,
    cast(null as bigint) as firms,
    cast(null as numeric(4, 1)) as longitude_degrees,
    cast(null as numeric(3, 1)) as latitude_degrees
where
    not exists (
        select 1
        from ranked
        where region_id = 'unknown'
    )
