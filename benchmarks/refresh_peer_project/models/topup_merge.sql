{{ config(incremental_strategy='merge', unique_key='topup_id') }}
{{ topups() }}
