{#-
    The KPIs of the metrics that are marked as such, as dictionaries: code, name, unit, is_money, and the two sides
    `numerator` and `denominator` (none for a count or a sum), each with the name of its component `model` and the
    `expression` of its measure there. Empty while dbt parses.
-#}
{% macro kpi_definitions() -%}
    {%- set kpis = [] -%}
    {%- if execute -%}
        {%- set measures = {} -%}
        {%- for semantic_model in graph.semantic_models.values() -%}
            {%- for measure in semantic_model.measures -%}
                {%- if measure.name in measures -%}
                    {{ exceptions.raise_compiler_error("two semantic models have a measure " ~ measure.name) }}
                {%- endif -%}
                {%- do measures.update({measure.name: {
                    'model': graph.nodes[semantic_model.depends_on.nodes[0]].name,
                    'expression': measure.expr or measure.name,
                }}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- set metrics = {} -%}
        {%- for metric in graph.metrics.values() -%}
            {%- do metrics.update({metric.name: metric}) -%}
        {%- endfor -%}
        {%- for name in metrics | sort -%}
            {%- set metric = metrics[name] -%}
            {%- set meta = metric.config.meta or {} -%}
            {%- if meta.get('is_kpi') -%}
                {%- if metric.type == 'ratio' -%}
                    {%- set numerator = metrics[metric.type_params.numerator.name] -%}
                    {%- set denominator = metrics[metric.type_params.denominator.name] -%}
                {%- else -%}
                    {%- set numerator = metric -%}
                    {%- set denominator = none -%}
                {%- endif -%}
                {%- do kpis.append({
                    'code': metric.name,
                    'name': metric.label,
                    'unit': meta.unit,
                    'is_money': meta.get('is_money', false),
                    'numerator': measures[numerator.type_params.measure.name],
                    'denominator': measures[denominator.type_params.measure.name] if denominator else none,
                }) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if not kpis -%}
            {{ exceptions.raise_compiler_error("no metric is marked as a KPI") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(kpis) }}
{%- endmacro %}
