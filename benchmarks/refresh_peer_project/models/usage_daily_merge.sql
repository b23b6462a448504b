{{ config(incremental_strategy='merge', unique_key='usage_key') }}
{{ usage_daily() }}
