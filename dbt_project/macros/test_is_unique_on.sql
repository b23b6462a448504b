{#- Grain test: no two rows share the columns; a missing value counts as a value. -#}
{% test is_unique_on(model, columns) %}

select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
