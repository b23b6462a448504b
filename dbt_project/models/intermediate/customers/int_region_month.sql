-- How many people, households and firms each region had at the end of each month: figures of a later year change
-- nothing before it.
with region_history as (

    {{ entity_history(ref('stg_crm__region'), 'region_id', ['population', 'households', 'firms']) }}

)

select
    months.month,
    version.region_id,
    cast(version.population as numeric) as population,
    cast(version.households as numeric) as households,
    cast(version.firms as numeric) as firms
from {{ ref('int_month') }} as months
inner join region_history as version
    on {{ version_before('version', 'months.end_at') }}
