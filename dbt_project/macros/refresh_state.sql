{#- What models have used and what they hold: tables in schema `reference` (tenure/warehouse/refresh_tables.py). -#}

{#- Order-free digest of the rows of `alias`, as tenure/warehouse/digest.py makes it. -#}
{% macro content_digest(alias) -%}
    {{ return(adapter.dispatch('content_digest')(alias)) }}
{%- endmacro %}

{% macro postgres__content_digest(alias) -%}
    coalesce(sum(cast(hash_record_extended({{ alias }}, 0) as numeric)), 0) || '/'
    || coalesce(sum(cast(hash_record_extended({{ alias }}, 1) as numeric)), 0)
{%- endmacro %}

{#- A number for the content of some columns. -#}
{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash')(columns)) }}
{%- endmacro %}

{% macro postgres__row_hash(columns) -%}
    hash_record_extended(row({{ columns | join(', ') }}), 0)
{%- endmacro %}

{#- A row for each partition between two dates (both in it). -#}
{% macro partitions_between(first, last, grain) -%}
    {{ return(adapter.dispatch('partitions_between')(first, last, grain)) }}
{%- endmacro %}

{% macro postgres__partitions_between(first, last, grain) -%}
    generate_series(
        cast({{ partition_of(first, grain) }} as timestamp), cast({{ last }} as timestamp), interval '1 {{ grain }}'
    )
{%- endmacro %}

{#- What the model is about to use: the version of every partition of its inputs, and how far it knows the intervals. -#}
{% macro note_inputs(consumer, inputs) -%}
    {%- set landed = [] -%}
    {%- set models = [] -%}
    {%- for name, kind in inputs.items() -%}
        {%- if kind == 'landed' -%}
            {%- set entity = landed_entity(name) -%}
            {%- do landed.append("('" ~ name ~ "', '" ~ entity[0] ~ "', '" ~ entity[1] ~ "')") -%}
        {%- else -%}
            {%- do models.append(name) -%}
        {%- endif -%}
    {%- endfor %}
    delete from reference.partition_todo where consumer = '{{ consumer }}';
    delete from reference.input_todo where consumer = '{{ consumer }}';
    {%- if landed %}
    insert into reference.input_todo (consumer, producer, partition_date, version)
    select '{{ consumer }}', entity.name, known.record_date, cast(known.version as text)
    from ops.partition_version as known
    inner join (values {{ landed | join(', ') }}) as entity (name, source_name, entity_name)
        on known.source_name = entity.source_name and known.entity_name = entity.entity_name;
    {%- endif %}
    insert into reference.input_todo (consumer, producer, partition_date, version)
    select '{{ consumer }}', producer, partition_date, digest
    from reference.partition_version
    where producer in ('{{ models | join("', '") }}');
    insert into reference.interval_todo (consumer, change_id, as_of_date)
    select
        '{{ consumer }}',
        (select coalesce(max(change_id), 0) from reference.changed_interval),
        (select as_of_date from {{ ref('int_as_of_date') }})
    on conflict (consumer) do update set change_id = excluded.change_id, as_of_date = excluded.as_of_date
{%- endmacro %}

{% macro note_whole(consumer) -%}
    insert into reference.partition_todo (consumer, purpose, partition_date)
    values ('{{ consumer }}', 'whole', cast('0001-01-01' as date))
{%- endmacro %}

{#- Partitions of an input that the model has used in another version, or not at all. -#}
{% macro changes_of(consumer, producer) -%}
    select coalesce(seen.partition_date, used.partition_date) as partition_date
    from (
        select partition_date, version from reference.input_todo
        where consumer = '{{ consumer }}' and producer = '{{ producer }}'
    ) as seen
    full outer join (
        select partition_date, version from reference.input_used
        where consumer = '{{ consumer }}' and producer = '{{ producer }}'
    ) as used
        on seen.partition_date = used.partition_date
    where seen.version is distinct from used.version
{%- endmacro %}

{% macro intervals_of(consumer, producer) -%}
    select change.key_value, change.from_at, change.to_at, change.is_first
    from reference.changed_interval as change
    inner join reference.interval_todo as todo
        on todo.consumer = '{{ consumer }}' and change.change_id <= todo.change_id
    inner join reference.model_state as used
        on used.model_name = '{{ consumer }}' and change.change_id > used.change_id
    where change.producer = '{{ producer }}'
{%- endmacro %}

{#- The partitions to build: by every input, and those that a move of as_of_date brings in or takes out. -#}
{% macro note_touched(consumer, inputs, grain) -%}
    insert into reference.partition_todo (consumer, purpose, partition_date)
    select distinct '{{ consumer }}', 'build', {{ partition_of('touched.partition_date', grain) }}
    from (
        select cast(part as date) as partition_date
        from reference.model_state as used
        inner join reference.interval_todo as todo
            on used.model_name = todo.consumer and used.as_of_date <> todo.as_of_date
        cross join {{ partitions_between(
            date_plus('least(used.as_of_date, todo.as_of_date)', 1), 'greatest(used.as_of_date, todo.as_of_date)', 'day'
        ) }} as part
        where used.model_name = '{{ consumer }}'
        {%- for name, kind in inputs.items() if kind != 'whole' %}
        union all
            {%- if kind is string and kind in ('landed', 'same') %}
        {{ changes_of(consumer, name) }}
            {%- elif kind is string and kind == 'interval' %}
        select cast(part as date)
        from ({{ intervals_of(consumer, name) }}) as change
        cross join {{ history_bounds() }} as bounds
        cross join {{ partitions_between(
            'greatest(' ~ local_date('change.from_at') ~ ', bounds.from_date)',
            'least(' ~ local_date('change.to_at') ~ ', bounds.to_date)', grain
        ) }} as part
            {%- elif 'later' in kind %}
        select {{ date_plus('changed.partition_date', 'shift', 'month') }}
        from ({{ changes_of(consumer, name) }}) as changed
        cross join generate_series(0, {{ kind['later'] }}) as shift
            {%- elif 'sql' in kind %}
        select * from (
            with changed as ({{ changes_of(consumer, name) }})
            {{ kind['sql'] }}
        ) as reached
            {%- else %}
        select * from (
            with changed as ({{ intervals_of(consumer, name) }})
            {{ kind['keys'] }}
        ) as reached
            {%- endif %}
        {%- endfor %}
    ) as touched
    where touched.partition_date is not null
{%- endmacro %}

{#- The days that any partition can lie in: those of the rows that have landed, and up to as_of_date. -#}
{% macro history_bounds() -%}
    (
        select min(known.record_date) as from_date, max(as_of.as_of_date) as to_date
        from ops.partition_version as known cross join {{ ref('int_as_of_date') }} as as_of
    )
{%- endmacro %}

{#- Post-hook, in the transaction that builds the model: what it holds now, and what it was made from. -#}
{% macro remember_partitions() -%}
    {%- set meta = model.config.meta -%}
    {%- set purpose = 'build' if meta.replaced_by == meta.partition_by else 'remember' -%}
    {%- set scope -%}
        select partition_date from reference.partition_todo
        where consumer = '{{ model.name }}' and purpose = '{{ purpose }}'
    {%- endset -%}
    {%- if should_full_refresh() -%}
        {{ remember_all_partitions() }};
    {%- else -%}
    delete from reference.partition_version where producer = '{{ model.name }}' and partition_date in ({{ scope }});
    insert into reference.partition_version (producer, partition_date, row_count, digest)
    select '{{ model.name }}', content.{{ meta.partition_by }}, count(*), {{ content_digest('content') }}
    from {{ this }} as content
    where content.{{ meta.partition_by }} = any(array({{ scope }}))
    group by content.{{ meta.partition_by }};
    {%- endif %}
    delete from reference.input_used as used
    where used.consumer = '{{ model.name }}' and not exists (
        select 1 from reference.input_todo as seen
        where seen.consumer = used.consumer and seen.producer = used.producer
            and seen.partition_date = used.partition_date and seen.version = used.version
    );
    insert into reference.input_used (consumer, producer, partition_date, version)
    select consumer, producer, partition_date, version from reference.input_todo where consumer = '{{ model.name }}'
    on conflict do nothing;
    insert into reference.model_state (model_name, fingerprint, as_of_date, change_id)
    select todo.consumer, wanted.fingerprint, todo.as_of_date, todo.change_id
    from reference.interval_todo as todo
    left join reference.model_fingerprint as wanted on todo.consumer = wanted.model_name
    where todo.consumer = '{{ model.name }}'
    on conflict (model_name) do update
    set fingerprint = excluded.fingerprint, as_of_date = excluded.as_of_date, change_id = excluded.change_id
{%- endmacro %}

{% macro remember_all_partitions() -%}
    {%- set column = model.config.meta.partition_by -%}
    delete from reference.partition_version where producer = '{{ model.name }}';
    insert into reference.partition_version (producer, partition_date, row_count, digest)
    select '{{ model.name }}', content.{{ column }}, count(*), {{ content_digest('content') }}
    from {{ this }} as content
    group by content.{{ column }}
{%- endmacro %}

{% macro remember_intervals(key, columns, from_at, to_at, is_first) -%}
    {%- set current -%}
        select
            {{ key }} as key_value,
            {{ row_hash(columns) }} as row_hash,
            {{ from_at }} as from_at,
            {{ to_at }} as to_at,
            coalesce({{ is_first }}, false) as is_first
        from {{ this }}
    {%- endset -%}
    insert into reference.changed_interval (producer, key_value, from_at, to_at, is_first)
    select
        '{{ model.name }}',
        coalesce(now_held.key_value, seen.key_value),
        case
            when now_held.row_hash is null or seen.row_hash is null then coalesce(now_held.from_at, seen.from_at)
            else least(now_held.to_at, seen.to_at)
        end,
        coalesce(greatest(now_held.to_at, seen.to_at), now_held.to_at, seen.to_at),
        -- One that begins where it began before is the first of its key in the same way as before.
        (now_held.row_hash is null or seen.row_hash is null) and coalesce(now_held.is_first, seen.is_first)
    from ({{ current }}) as now_held
    full outer join (select * from reference.interval_seen where producer = '{{ model.name }}') as seen
        on now_held.key_value = seen.key_value and now_held.row_hash = seen.row_hash
            and now_held.from_at = seen.from_at and now_held.is_first = seen.is_first
    where now_held.to_at is distinct from seen.to_at;
    {%- set same -%}
        seen.producer = '{{ model.name }}' and now_held.key_value = seen.key_value
        and now_held.row_hash = seen.row_hash and now_held.from_at = seen.from_at and now_held.to_at = seen.to_at
        and now_held.is_first = seen.is_first
    {%- endset %}
    delete from reference.interval_seen as seen
    where seen.producer = '{{ model.name }}' and not exists (select 1 from ({{ current }}) as now_held where {{ same }});
    insert into reference.interval_seen (producer, key_value, row_hash, from_at, to_at, is_first)
    select '{{ model.name }}', now_held.*
    from ({{ current }}) as now_held
    where not exists (select 1 from reference.interval_seen as seen where {{ same }})
{%- endmacro %}
