{{ with_known_partitions('as_of_date') }}

-- The days that features are taken at: every month end of the delivered history, and as_of_date, the one scored.
with as_of_dates as (

    select
        months.month_end_date as as_of_date,
        months.month_end_date = as_of.as_of_date as is_scoring
    from {{ ref('int_month') }} as months
    cross join {{ ref('int_as_of_date') }} as as_of
    where months.month_end_date <= as_of.as_of_date

    union

    select
        as_of.as_of_date,
        true as is_scoring
    from {{ ref('int_as_of_date') }} as as_of

)

select
    as_of_date,
    {{ local_midnight(date_plus('as_of_date', 1)) }} as as_of_end_at,
    is_scoring
from as_of_dates
