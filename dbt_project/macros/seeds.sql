{#- Columns that the file of a seed has and its table does not, added before it is filled: dbt takes the columns of an
    existing seed for given. A column that the file has no more stays, without values. -#}
{% macro add_new_seed_columns() -%}
    {%- set existing = load_relation(this) -%}
    {%- if execute and existing is not none -%}
        {%- set known = adapter.get_columns_in_relation(existing) | map(attribute='name') | map('lower') | list -%}
        {%- set file = load_agate_table() -%}
        {%- set types = model['config'].get('column_types', {}) -%}
        {%- set added = [] -%}
        {%- for name in file.column_names if name | lower not in known -%}
            {%- set place = file.column_names | list -%}
            {%- set type = types.get(name, adapter.convert_type(file, place.index(name))) -%}
            {%- do added.append(api.Column(name, type)) -%}
        {%- endfor -%}
        {%- if added -%}
            {%- do alter_relation_add_remove_columns(existing, added, none) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
