{#-
    Models that are built by partitions: only days or months that something they read has changed in are built anew.

    A model says it in two lines (CONTRIBUTING.md, "A model or mart"):

        {{ by_partition('usage_date', 'day') }}
        {%- set touched = touched_partitions({'stg_usage__usage_event': 'landed', 'int_msisdn_validity': 'interval'}) -%}

    and then reads each input `where {{ in_partitions('usage_date', touched, 'day') }}`. The inputs say how a change of
    each parent reaches the model's own partitions:

        'landed'     the days whose rows a load has touched (ops.partition_version)
        'same'       the partitions of a model whose content has changed (reference.partition_version)
        {'later': n} the same and the n months after each
        {'sql': q}   what a query over `changed` (partition_date) answers
        'interval'   the time in which a version of a history holds that was not there before, or no longer is
        {'keys': q}  what a query over `changed` (key_value, from_at, to_at, is_first) of such intervals answers

    Seeds need no word: their content is part of the model's fingerprint. A parent that is not named builds it in full.
-#}
{% macro by_partition(column, grain, replaced_by=none, replaced_grain=none, indexes=[]) -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='partitions',
        on_schema_change='append_new_columns',
        indexes=[{'columns': [column]}] + ([{'columns': [replaced_by]}] if replaced_by else []) + indexes,
        meta={
            'partition_by': column,
            'partition_grain': grain,
            'replaced_by': replaced_by or column,
            'replaced_grain': replaced_grain or grain,
        },
        post_hook="{{ remember_partitions() }}"
    ) }}
{%- endmacro %}

{#- Makes the content of a table that is always built in full known by its partitions. -#}
{% macro with_known_partitions(column) -%}
    {{ config(meta={'partition_by': column}, post_hook="{{ remember_all_partitions() }}") }}
{%- endmacro %}

{#- Makes the intervals known in which the history in a table has changed since it was built before. -#}
{% macro with_known_intervals(key, columns, from_at='valid_from_at', to_at='valid_to_at', is_first='version_number = 1') -%}
    {%- set arguments = [key, columns, from_at, to_at, is_first] -%}
    {{ config(post_hook="{{ remember_intervals(*" ~ tojson(arguments) ~ ") }}") }}
{%- endmacro %}

{#- The first day of the partition that a date lies in. -#}
{% macro partition_of(date, grain) -%}
    {%- if grain == 'month' -%} {{ month_of(date) }} {%- else -%} cast({{ date }} as date) {%- endif -%}
{%- endmacro %}

{#-
    The partitions to build, as ISO dates; none when all of them are. It also notes what the model is about to use, which
    becomes what it has used in the transaction that builds it: a build that dies has used nothing.
-#}
{% macro touched_partitions(inputs) -%}
    {#- Read by the notes, so that dbt builds it before. -#}
    {%- if not execute -%} {%- set as_of = ref('int_as_of_date') -%} {%- endif -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') or model.config.materialized != 'incremental' -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set meta = model.config.meta -%}
    {%- do run_query(note_inputs(model.name, inputs)) -%}
    {%- set whole_because = reason_for_whole(inputs) -%}
    {%- if whole_because is not none -%}
        {%- if whole_because -%} {{ print(model.name ~ ' is built in full: ' ~ whole_because) }} {%- endif -%}
        {%- do run_query(note_whole(model.name)) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- do run_query(note_touched(model.name, inputs, meta.replaced_grain)) -%}
    {{ return(noted_partitions()) }}
{%- endmacro %}

{#- What `touched_partitions` noted for this model. -#}
{% macro noted_partitions() -%}
    {%- set found = run_query(
        "select to_char(partition_date, 'YYYY-MM-DD') from reference.partition_todo where consumer = '" ~ model.name
        ~ "' and purpose = 'build' order by 1"
    ) -%}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}

{#- Why the model has to be built in full: none when it has not, an empty text when nobody needs to be told. -#}
{% macro reason_for_whole(inputs) -%}
    {%- set relation = adapter.get_relation(this.database, this.schema, this.table) -%}
    {%- if relation is none or relation.type != 'table' or flags.FULL_REFRESH -%} {{ return('') }} {%- endif -%}
    {%- for parent in model.depends_on.nodes -%}
        {%- set name = parent.split('.')[-1] -%}
        {%- set is_seed = parent.startswith('seed.') or parent.startswith('source.') -%}
        {%- if not is_seed and name != 'int_as_of_date' and name not in inputs -%}
            {{ return('it does not say how a change of ' ~ name ~ ' reaches it') }}
        {%- elif not is_seed and name in inputs and not tells_its_changes(name, inputs[name]) -%}
            {{ return(name ~ ' does not say what has changed in it') }}
        {%- endif -%}
    {%- endfor -%}
    {%- set state = run_query(
        "select built.fingerprint, wanted.fingerprint from (select '" ~ model.name ~ "' as model_name) as this_model"
        ~ " left join reference.model_state as built using (model_name)"
        ~ " left join reference.model_fingerprint as wanted using (model_name)"
    ).rows[0] -%}
    {%- if state[0] is none -%} {{ return('nothing says what it was built from') }} {%- endif -%}
    {%- if state[0] != state[1] -%}
        {{ return('its definition, a setting or a seed or model that it is made from has changed') }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{#- Whether a parent tells what the word for it in a model's inputs asks for. -#}
{% macro tells_its_changes(name, kind) -%}
    {%- if kind == 'landed' -%} {{ return(true) }} {%- endif -%}
    {%- set wanted = 'remember_intervals' if kind == 'interval' or 'keys' in kind else 'partitions()' -%}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() if node.name == name and node.resource_type == 'model' -%}
        {%- for hook in node.config['post-hook'] if wanted in hook.sql -%} {%- do found.append(hook) -%} {%- endfor -%}
    {%- endfor -%}
    {{ return(found | length > 0) }}
{%- endmacro %}

{#- A date column within the partitions to build. -#}
{% macro in_partitions(column, touched, grain) -%}
    {%- if touched is none -%} true
    {%- elif not touched -%} false
    {%- else -%}
        {%- set spans = [] -%}
        {%- for text in touched -%}
            {%- set first = modules.datetime.date.fromisoformat(text) -%}
            {%- set after = (first + modules.datetime.timedelta(days=32)).replace(day=1) if grain == 'month'
                else first + modules.datetime.timedelta(days=1) -%}
            {%- if spans and spans[-1][1] == first -%}
                {%- do spans.append([spans.pop()[0], after]) -%}
            {%- else -%}
                {%- do spans.append([first, after]) -%}
            {%- endif -%}
        {%- endfor -%}
        (
        {%- for first, after in spans -%}
            ({{ column }} >= cast('{{ first }}' as date) and {{ column }} < cast('{{ after }}' as date))
            {%- if not loop.last %} or {% endif -%}
        {%- endfor -%}
        )
    {%- endif -%}
{%- endmacro %}

{#-
    Rows of a landed entity within the days or months to build: by the loads that have rows of them, so that no other row
    is read, and by their date.
-#}
{% macro in_landed_days(alias, column, staging_model, touched, grain='day') -%}
    {%- set of = alias ~ '.' if alias else '' -%}
    {%- if not touched -%} {{ in_partitions(of ~ column, touched, grain) }}
    {%- else -%}
        {%- set entity = landed_entity(staging_model) -%}
        {%- set loads = run_query(
            "select distinct day.load_id from ops.load_day as day inner join ops.load as load using (load_id)"
            ~ " where load.source_name = '" ~ entity[0] ~ "' and load.entity_name = '" ~ entity[1]
            ~ "' and " ~ in_partitions('day.record_date', touched, grain) ~ " order by 1"
        ).columns[0].values() | list -%}
        {{ of }}_load_id in ({{ loads | join(', ') if loads else 'null' }})
        and {{ in_partitions(of ~ column, touched, grain) }}
    {%- endif -%}
{%- endmacro %}

{#- Source and entity that a staging model reads. -#}
{% macro landed_entity(staging_model) -%}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() if node.name == staging_model and node.resource_type == 'model' -%}
        {%- for parent in node.depends_on.nodes if parent.startswith('source.') and not parent.startswith('source.tenure.ops.') -%}
            {%- do found.append(parent.split('.')[-2:]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found[0]) }}
{%- endmacro %}

{#- dbt asks this of every incremental model: ours know it since their inputs were noted. -#}
{% macro should_full_refresh() -%}
    {%- if execute and (model.config.meta or {}).get('replaced_by') and model.config.materialized == 'incremental' -%}
        {{ return(run_query(
            "select 1 from reference.partition_todo where consumer = '" ~ model.name ~ "' and purpose = 'whole'"
        ).rows | length > 0) }}
    {%- endif -%}
    {%- set configured = config.get('full_refresh') -%}
    {{ return(flags.FULL_REFRESH if configured is none else configured) }}
{%- endmacro %}

{#- The incremental strategy: the partitions that were noted go, whether or not they have rows again. -#}
{% macro get_incremental_partitions_sql(arguments) -%}
    {%- set target = arguments['target_relation'] -%}
    {%- set meta = model.config.meta -%}
    {%- set replaced = in_partitions(meta.replaced_by, noted_partitions(), meta.replaced_grain) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- if meta.replaced_by != meta.partition_by %}
    insert into reference.partition_todo (consumer, purpose, partition_date)
    select distinct '{{ model.name }}', 'remember', {{ meta.partition_by }} from (
        select {{ meta.partition_by }} from {{ target }} where {{ replaced }}
        union all
        select {{ meta.partition_by }} from {{ arguments['temp_relation'] }}
    ) as moved;
    {%- endif %}
    delete from {{ target }} where {{ replaced }};
    insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}
