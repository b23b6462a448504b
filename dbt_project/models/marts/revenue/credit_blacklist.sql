-- As of now. An account that is no longer on the list keeps its row, so that it can be seen why it was.
{%- set rules = ['operator_listed', 'written_off', 'repeatedly_dunned'] %}
with reasons as (

    select
        account_id,
        currency_code,
        {%- for rule in rules %}
            {{ dbt.bool_or("rule_code = '" ~ rule ~ "' and is_active") }} as is_{{ rule }},
        {%- endfor %}
        {{ dbt.bool_or('is_active') }} as is_active,
        coalesce(min(since_date) filter (where is_active), min(since_date)) as since_date
    from {{ ref('int_credit_reason') }}
    group by account_id, currency_code

),

-- The gravest reason that holds; of those that held once where none does.
ranked as (

    select
        account_id,
        currency_code,
        rule_code,
        row_number() over (
            partition by account_id, currency_code
            order by
                case when is_active then 0 else 1 end,
                case rule_code when 'operator_listed' then 1 when 'written_off' then 2 else 3 end
        ) as choice
    from {{ ref('int_credit_reason') }}

),

events as (

    select
        account_id,
        currency_code,
        sum(amount) filter (where event_type = 'write_off') as written_off_amount,
        count(distinct invoice_id) filter (where event_type = 'write_off') as written_off_document_count,
        count(distinct invoice_id) filter (where event_type = 'reminder') as reminded_document_count,
        max(occurred_date) as last_event_date
    from {{ ref('int_collection_posted') }}
    group by account_id, currency_code

),

recovered as (

    select
        account_id,
        currency_code,
        sum(recovered_amount) as recovered_amount
    from {{ ref('int_receivable_recovery') }}
    group by account_id, currency_code

),

owed as (

    select
        document.account_id,
        document.currency_code,
        sum(document.open_amount) as open_amount,
        sum(document.open_amount) filter (where document.overdue_days > 0) as overdue_amount
    from {{ ref('int_receivable_document_month') }} as document
    inner join {{ ref('int_month') }} as months
        on document.month = months.month and months.is_open_month
    where document.open_amount > 0
    group by document.account_id, document.currency_code

)

select
    reasons.account_id,
    account.account_sk,
    account.customer_id,
    reasons.currency_code,
    as_of.as_of_date,
    reasons.is_active,
    ranked.rule_code as reason_code,
    rule.rule_name as reason_name,
    reasons.since_date,
    {%- for rule in rules %}
        reasons.is_{{ rule }},
    {%- endfor %}
    coalesce(owed.open_amount, 0) as open_amount,
    coalesce(owed.overdue_amount, 0) as overdue_amount,
    coalesce(events.written_off_amount, 0) as written_off_amount,
    coalesce(recovered.recovered_amount, 0) as recovered_amount,
    cast(coalesce(events.written_off_document_count, 0) as integer) as written_off_document_count,
    cast(coalesce(events.reminded_document_count, 0) as integer) as reminded_document_count,
    events.last_event_date
from reasons
cross join {{ ref('int_as_of_date') }} as as_of
inner join ranked
    on reasons.account_id = ranked.account_id
        and reasons.currency_code = ranked.currency_code
        and ranked.choice = 1
inner join {{ ref('credit_blacklist_rule') }} as rule
    on ranked.rule_code = rule.rule_code
left join events
    on reasons.account_id = events.account_id and reasons.currency_code = events.currency_code
left join recovered
    on reasons.account_id = recovered.account_id and reasons.currency_code = recovered.currency_code
left join owed
    on reasons.account_id = owed.account_id and reasons.currency_code = owed.currency_code
left join {{ ref('dim_account') }} as account
    on reasons.account_id = account.account_id and account.is_current
