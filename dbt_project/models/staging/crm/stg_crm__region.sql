select
    region_id,
    effective_at,
    region_name,
    province_name,
    city_name,
    population,
    households,
    firms
from {{ source('crm', 'region') }}
