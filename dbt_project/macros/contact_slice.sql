{#-
    The slice of a contact, ticket or answer: that of its subscription as the month ends (`monthly`, a row of
    subscription_monthly); for a line that is not in the month, its `version` at the event, without a tier; where no line
    is known, the region of the `customer` and nothing else.
-#}
{% macro contact_slice(monthly='monthly', version='version', customer='customer') -%}
    coalesce({{ monthly }}.closing_region_id, {{ version }}.region_id, {{ customer }}.region_id, 'unknown') as region_id,
    coalesce({{ monthly }}.closing_brand_name, {{ version }}.brand_name, 'unknown') as brand_name,
    coalesce({{ monthly }}.closing_service_line, {{ version }}.service_line, 'unknown') as service_line,
    coalesce({{ monthly }}.closing_plan_type, {{ version }}.plan_type, 'unknown') as plan_type,
    coalesce({{ monthly }}.closing_value_tier, 'unknown') as value_tier
{%- endmacro %}
