{#-
    The entities that a model reads and whose contract says that they come every day, as 'source.entity'. What no model
    reads cannot make a mart incomplete. Empty while dbt parses.
-#}
{% macro daily_entities() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- set read = [] -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
            {%- do read.extend(node.depends_on.nodes) -%}
        {%- endfor -%}
        {%- for source in graph.sources.values() if source.unique_id in read -%}
            {%- set contract = (source.config.meta or {}).get('contract', {}) -%}
            {%- if contract.get('cadence') == 'daily' -%}
                {%- do names.append(source.source_name ~ '.' ~ source.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not names -%}
            {{ exceptions.raise_compiler_error("no model reads a source with a daily cadence") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(names | sort) }}
{%- endmacro %}
