-- Over all slices the adopters of a service at the end of the month before, plus new, less dropped and left, are
-- those of the month.
with services as (

    select
        month,
        service_code,
        sum(adopter_count) as adopter_count,
        sum(new_adopter_count - dropped_count - left_count) as change_count,
        count(new_adopter_count) as known_count
    from {{ ref('new_service_adoption_monthly') }}
    group by month, service_code

)

select
    services.month,
    services.service_code
from services
left join services as previous
    on services.month = {{ date_plus('previous.month', 1, 'month') }}
        and services.service_code = previous.service_code
where services.known_count > 0
    and coalesce(previous.adopter_count, 0) + services.change_count <> services.adopter_count
