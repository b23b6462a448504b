{{ config(incremental_strategy='delete+insert', unique_key='topup_id') }}
{{ topups() }}
