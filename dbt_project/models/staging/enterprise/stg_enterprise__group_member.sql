select
    group_member_id,
    effective_at,
    group_customer_id,
    member_customer_id,
    subscription_id,
    member_role_code,
    valid_from_date,
    valid_to_date,
    rival_operator,
    rival_contract_end_date
from {{ source('enterprise', 'group_member') }}
