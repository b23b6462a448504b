with days as (

    {{ dbt.date_spine(
        datepart="day",
        start_date="cast('" ~ var('calendar_from_date') ~ "' as date)",
        end_date="cast('" ~ var('calendar_to_date') ~ "' as date)"
    ) }}

),

dates as (

    select cast(date_day as date) as calendar_date
    from days

)

select
    calendar_date,
    {{ month_of('calendar_date') }} as calendar_month,
    cast(extract(year from calendar_date) as integer) as calendar_year,
    cast(extract(quarter from calendar_date) as integer) as calendar_quarter,
    cast(extract(week from calendar_date) as integer) as iso_week,
    case extract(isodow from calendar_date)
        when 1 then 'Monday'
        when 2 then 'Tuesday'
        when 3 then 'Wednesday'
        when 4 then 'Thursday'
        when 5 then 'Friday'
        when 6 then 'Saturday'
        else 'Sunday'
    end as weekday_name,
    {{ date_plus('calendar_date', 1) }} = {{ month_of(date_plus('calendar_date', 1)) }} as is_month_end
from dates
