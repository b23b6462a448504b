{#- Schemas carry their plain names: one warehouse per database, so no target prefix is wanted. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
