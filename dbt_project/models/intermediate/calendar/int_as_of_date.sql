-- The one word for "now": the last day that every daily entity ever delivered is complete to. The contracts say which
-- entities are daily.
with complete as (

    select min(complete_to_date) as as_of_date
    from {{ ref('int_source_coverage') }}
    where source_name || '.' || entity_name in ('{{ daily_entities() | join("', '") }}') -- noqa: LT05

)

select
    as_of_date,
    {{ local_midnight(date_plus('as_of_date', 1)) }} as as_of_end_at
from complete
where as_of_date is not null
