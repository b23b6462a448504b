{#- Business day of an instant, in the operator's time zone. -#}
{% macro local_date(instant) -%}
    {{ return(adapter.dispatch('local_date')(instant)) }}
{%- endmacro %}

{% macro default__local_date(instant) -%}
    cast(({{ instant }}) at time zone '{{ var("time_zone") }}' as date)
{%- endmacro %}

{#- Instant at which a business day starts, in the operator's time zone. -#}
{% macro local_midnight(day) -%}
    {{ return(adapter.dispatch('local_midnight')(day)) }}
{%- endmacro %}

{% macro default__local_midnight(day) -%}
    (cast({{ day }} as timestamp) at time zone '{{ var("time_zone") }}')
{%- endmacro %}

{#- First day of the month a date lies in. -#}
{% macro month_of(day) -%}
    cast({{ dbt.date_trunc('month', day) }} as date)
{%- endmacro %}

{#- The date so many days, months or years after a date. -#}
{% macro date_plus(day, count, part='day') -%}
    cast({{ dbt.dateadd(part, count, day) }} as date)
{%- endmacro %}

{#- Stands for "still valid" in valid_to_at, so that as-of joins need no special case. -#}
{% macro end_of_time() -%}
    cast('2199-12-31 00:00:00+00' as timestamp with time zone)
{%- endmacro %}

{#- Stands for "since before anything was delivered" in the first version of a history. -#}
{% macro start_of_time() -%}
    cast('1900-01-01 00:00:00+00' as timestamp with time zone)
{%- endmacro %}

{#- End of what is known: the instant after the last complete business day. -#}
{% macro as_of_end_at() -%}
    (select as_of.as_of_end_at from {{ ref('int_as_of_date') }} as as_of)
{%- endmacro %}

{#- Midnight that ends a business day, less one microsecond: an instant still on that day. -#}
{% macro last_instant_of(day) -%}
    ({{ local_midnight(date_plus(day, 1)) }} - interval '1 microsecond')
{%- endmacro %}

{#- Hour of the day of an instant, 0 to 23, in the operator's time zone. -#}
{% macro local_hour(instant) -%}
    {{ return(adapter.dispatch('local_hour')(instant)) }}
{%- endmacro %}

{% macro default__local_hour(instant) -%}
    cast(extract(hour from ({{ instant }}) at time zone '{{ var("time_zone") }}') as integer)
{%- endmacro %}
