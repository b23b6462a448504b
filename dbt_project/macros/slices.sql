{#- The five attributes by which every summary can be cut, in their fixed order. -#}
{% macro slice_columns() -%}
    {{ return(['region_id', 'brand_name', 'service_line', 'plan_type', 'value_tier']) }}
{%- endmacro %}

{#- Comma-separated slice columns, optionally qualified (alias) and prefixed (opening_, closing_). -#}
{% macro slice_list(alias=none, prefix='', rename=false) -%}
    {%- for column in slice_columns() -%}
        {%- if alias %}{{ alias }}.{% endif %}{{ prefix }}{{ column }}
        {%- if rename %} as {{ column }}{% endif %}
        {%- if not loop.last %}, {% endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- Equality of the slice columns of two relations; slices are never null. -#}
{% macro slice_equal(left, right) -%}
    {%- for column in slice_columns() -%}
        {{ left }}.{{ column }} = {{ right }}.{{ column }}{% if not loop.last %} and {% endif %}
    {%- endfor -%}
{%- endmacro %}
