{#-
    Versions of an entity rebuilt from its delivered states: a state holds from effective_at until the next one that
    differs. The first state is taken to have held from `first_from` on (an expression over the state's columns;
    by default since before anything was delivered), so that every earlier fact finds a version too.
    Columns: the key, the attributes, version_number, valid_from_at, valid_to_at, is_current.
-#}
{% macro entity_history(relation, key, attributes, first_from=none) -%}
select
    {{ key }},
    {{ attributes | join(',\n    ') }},
    version_number,
    valid_from_at,
    coalesce(
        lead(valid_from_at) over (partition by {{ key }} order by version_number), {{ end_of_time() }}
    ) as valid_to_at,
    lead(valid_from_at) over (partition by {{ key }} order by version_number) is null as is_current
from (
    select
        *,
        case
            when version_number = 1 then {{ first_from or start_of_time() }}
            else effective_at
        end as valid_from_at
    from (
        select
            *,
            row_number() over (partition by {{ key }} order by effective_at) as version_number
        from (
            select
                *,
                lag(state_digest) over (partition by {{ key }} order by effective_at) as previous_digest
            from (
                select
                    {{ key }},
                    effective_at,
                    {{ attributes | join(',\n                    ') }},
                    {{ digest(attributes) }} as state_digest
                from {{ relation }}
                where effective_at < {{ as_of_end_at() }}
            ) as states
        ) as compared
        where previous_digest is null or previous_digest <> state_digest
    ) as changed
) as dated
{%- endmacro %}

{#- The version in force just before an instant; the first version answers for everything before it. -#}
{% macro version_before(version, instant) -%}
    ({{ version }}.valid_from_at < {{ instant }} or {{ version }}.version_number = 1)
    and {{ version }}.valid_to_at >= {{ instant }}
{%- endmacro %}

{#- The version in force at an instant, a change at that very instant included. -#}
{% macro version_at(version, instant) -%}
    ({{ version }}.valid_from_at <= {{ instant }} or {{ version }}.version_number = 1)
    and {{ version }}.valid_to_at > {{ instant }}
{%- endmacro %}
