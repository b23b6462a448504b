-- Two rules of one name may find the same fault of a column.
select distinct
    load_id,
    line_number,
    column_name,
    rule_name
from {{ source('ops', 'reject') }}
