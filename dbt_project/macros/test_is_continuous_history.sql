{#- History test: versions of a key neither overlap nor leave a gap, and exactly the last one is current. -#}
{% test is_continuous_history(model, key) %}

select *
from (
    select
        {{ key }},
        valid_from_at,
        valid_to_at,
        is_current,
        lead(valid_from_at) over (partition by {{ key }} order by valid_from_at) as next_valid_from_at
    from {{ model }}
) as versions
where valid_from_at >= valid_to_at
    or is_current <> (next_valid_from_at is null)
    or valid_to_at <> coalesce(next_valid_from_at, {{ end_of_time() }})

{% endtest %}
