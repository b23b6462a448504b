-- Nothing delivered is lost, and what was refused says why.
select
    month,
    source_name,
    entity_name,
    row_count,
    landed_count,
    rejected_count,
    duplicate_count,
    reject_rule_text
from {{ ref('landing_monthly') }}
where
    row_count <> landed_count + rejected_count + duplicate_count
    or (rejected_count > 0) <> (reject_rule_text is not null)
