{#- The lower ('-') or upper ('+') end of Wilson's 95 % interval of a share of `count` cases. -#}
{% macro wilson_bound(share, count, sign) -%}
{%- set z = 1.959964 -%}
(
    {{ share }} + {{ z * z / 2 }} / nullif({{ count }}, 0)
    {{ sign }} {{ z }} * sqrt(
        {{ share }} * (1 - {{ share }}) / nullif({{ count }}, 0) + {{ z * z / 4 }} / nullif({{ count }}, 0) / nullif({{ count }}, 0)
    )
) / (1 + {{ z * z }} / nullif({{ count }}, 0))
{%- endmacro %}
