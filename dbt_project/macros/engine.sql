{#- Planner statistics of a table just built: without them Postgres guesses and picks nested loops. -#}
{% macro refresh_statistics(relation) -%}
    {{ return(adapter.dispatch('refresh_statistics')(relation)) }}
{%- endmacro %}

{% macro default__refresh_statistics(relation) -%}
{%- endmacro %}

{% macro postgres__refresh_statistics(relation) -%}
    {%- if relation.type != 'view' -%} analyze {{ relation }} {%- endif -%}
{%- endmacro %}

{#- Memory for one large sort or hash, within the transaction of the model only. -#}
{% macro large_memory() -%}
    {{ return(adapter.dispatch('large_memory')()) }}
{%- endmacro %}

{% macro default__large_memory() -%}
{%- endmacro %}

{% macro postgres__large_memory() -%}
    set local work_mem = '192MB'
{%- endmacro %}

{#- Exact total of whole numbers as a bigint: Postgres widens a sum of bigint to numeric. -#}
{% macro sum_whole(expression, condition=none) -%}
    cast(sum({{ expression }}) {% if condition %}filter (where {{ condition }}) {% endif %}as bigint)
{%- endmacro %}

{#- Text of an instant that does not depend on the session's time zone: microseconds since 1970. -#}
{% macro instant_key(instant) -%}
    {{ return(adapter.dispatch('instant_key')(instant)) }}
{%- endmacro %}

{% macro default__instant_key(instant) -%}
    cast(cast(extract(epoch from {{ instant }}) * 1000000 as bigint) as {{ dbt.type_string() }})
{%- endmacro %}

{#- Digest of several values as text, with a mark for a missing one. -#}
{% macro digest(parts) -%}
    {%- set texts = [] -%}
    {%- for part in parts -%}
        {%- do texts.append("coalesce(cast(" ~ part ~ " as " ~ dbt.type_string() ~ "), '~')") -%}
    {%- endfor -%}
    {{ dbt.hash(texts | join(" || '|' || ")) }}
{%- endmacro %}

{#- Surrogate key: the first 64 bits of the digest, for joins and groups on a number are several times cheaper. -#}
{% macro surrogate_key(parts) -%}
    {{ return(adapter.dispatch('surrogate_key')(parts)) }}
{%- endmacro %}

{% macro default__surrogate_key(parts) -%}
    cast(cast('x' || substr({{ digest(parts) }}, 1, 16) as bit(64)) as bigint)
{%- endmacro %}
