{{ config(incremental_strategy='delete+insert', unique_key='usage_key') }}
{{ usage_daily() }}
