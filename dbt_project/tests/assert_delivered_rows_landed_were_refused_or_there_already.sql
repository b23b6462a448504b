-- Nothing delivered is lost, and what was refused says why.
select *
from {{ ref('landing_monthly') }}
where
    row_count <> landed_count + rejected_count + duplicate_count
    or (rejected_count > 0) <> (reject_rule_text is not null)
