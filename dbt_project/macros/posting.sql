{#-
    The day an event was known: its own, unless a file brought it whose period begins later than that, which is what late
    means. The relation has the columns of its load `_business_date` and `_period_from`.
-#}
{% macro known_date(event_date, relation) -%}
    case
        when {{ event_date }} < {{ relation }}._period_from then {{ relation }}._business_date
        else {{ event_date }}
    end
{%- endmacro %}

{#- The earliest month still open on the day that something was known. -#}
{% macro earliest_open_month(known_date) -%}
    {{ month_of(date_plus(known_date, -1 * var('month_close_days'))) }}
{%- endmacro %}

{#-
    The month an event counts in: its own while that is open, else the earliest still open when it was known; never a
    month after the as-of date, though a file of a later day may already have been landed.
-#}
{% macro posted_month(event_date, known_date) -%}
    least(
        greatest({{ month_of(event_date) }}, {{ earliest_open_month(known_date) }}),
        (select {{ month_of('as_of.as_of_date') }} from {{ ref('int_as_of_date') }} as as_of)
    )
{%- endmacro %}

{#- The day on which a month closes: what is known later changes nothing in it. -#}
{% macro close_date(month) -%}
    {{ date_plus(date_plus(month, 1, 'month'), var('month_close_days') - 1) }}
{%- endmacro %}
