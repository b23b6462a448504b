{#- The lower ('-') or upper ('+') end of Wilson's 95 % interval of a share of `count` cases. -#}
{% macro wilson_bound(share, count, sign) -%}
{%- set z = 1.959964 -%}
(
    {{ share }} + {{ z * z / 2 }} / {{ count }}
    {{ sign }} {{ z }} * sqrt(
        {{ share }} * (1 - {{ share }}) / {{ count }} + {{ z * z / 4 }} / {{ count }} / {{ count }}
    )
) / (1 + {{ z * z }} / {{ count }})
{%- endmacro %}
