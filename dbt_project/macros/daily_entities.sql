{#- The entities whose contract says that they come every day, as 'source.entity'. Empty while dbt parses. -#}
{% macro daily_entities() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for source in graph.sources.values() -%}
            {%- set contract = (source.config.meta or {}).get('contract', {}) -%}
            {%- if contract.get('cadence') == 'daily' -%}
                {%- do names.append(source.source_name ~ '.' ~ source.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not names -%}
            {{ exceptions.raise_compiler_error("no source contract has a daily cadence") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(names | sort) }}
{%- endmacro %}
