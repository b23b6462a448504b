{#-
    The KPIs of metrics.yml as dictionaries (code, name, unit, is_money, numerator, denominator): the expressions of the
    measures behind a simple metric, or behind the two sides of a ratio metric. Empty while dbt parses.
-#}
{% macro kpi_definitions() -%}
    {%- set kpis = [] -%}
    {%- if execute -%}
        {%- set measures = {} -%}
        {%- for semantic_model in graph.semantic_models.values() -%}
            {%- for measure in semantic_model.measures -%}
                {%- do measures.update({measure.name: measure.expr or measure.name}) -%}
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
            {{ exceptions.raise_compiler_error("metrics.yml marks no metric as a KPI") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(kpis) }}
{%- endmacro %}
