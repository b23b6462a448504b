{%- set measures = [
    'opening', 'billed', 'adjusted', 'credited', 'paid', 'reversed', 'written_off', 'closing', 'recovered', 'unapplied'
] %}
{%- set ages = [
    'not_due', 'overdue_1_30', 'overdue_31_60', 'overdue_61_90', 'overdue_91_180', 'overdue_over_180', 'no_due_date'
] -%}
-- Every amount with the name of the column it is counted in; the last step brings those of an account and month
-- together.
with months as (

    select
        month,
        end_at,
        is_month_closed,
        is_open_month
    from {{ ref('int_month') }}

),

credit as (

    select
        account_id,
        currency_code,
        posted_month,
        credit_amount,
        lead(posted_month) over (partition by account_id, currency_code order by step_number) as next_month
    from {{ ref('int_account_credit_use') }}

),

amounts as (

    select
        posted_month as month,
        account_id,
        currency_code,
        entry_type as measure,
        case when entry_type in ('credited', 'paid', 'written_off') then -1 * amount else amount end as amount,
        0 as open_count,
        0 as overdue_count
    from {{ ref('int_receivable_entry') }}

    union all

    select
        months.month,
        balance.account_id,
        balance.currency_code,
        'opening' as measure,
        balance.balance_amount as amount,
        0 as open_count,
        0 as overdue_count
    from {{ ref('int_receivable_balance') }} as balance
    inner join months
        on balance.posted_month < months.month
            and (balance.next_month is null or balance.next_month >= months.month)
    where balance.balance_amount <> 0

    union all

    select
        months.month,
        balance.account_id,
        balance.currency_code,
        'closing' as measure,
        balance.balance_amount as amount,
        0 as open_count,
        0 as overdue_count
    from {{ ref('int_receivable_balance') }} as balance
    inner join months
        on balance.posted_month <= months.month
            and (balance.next_month is null or balance.next_month > months.month)
    where balance.balance_amount <> 0

    union all

    select
        posted_month as month,
        account_id,
        currency_code,
        'recovered' as measure,
        recovered_amount as amount,
        0 as open_count,
        0 as overdue_count
    from {{ ref('int_receivable_recovery') }}

    union all

    select
        months.month,
        credit.account_id,
        credit.currency_code,
        'unapplied' as measure,
        credit.credit_amount as amount,
        0 as open_count,
        0 as overdue_count
    from credit
    inner join months
        on credit.posted_month <= months.month
            and (credit.next_month is null or credit.next_month > months.month)
    where credit.credit_amount <> 0

    union all

    select
        month,
        account_id,
        currency_code,
        'unapplied' as measure,
        -1 * open_amount as amount,
        0 as open_count,
        0 as overdue_count
    from {{ ref('int_receivable_document_month') }}
    where open_amount < 0

    union all

    select
        month,
        account_id,
        currency_code,
        case
            when overdue_days is null then 'no_due_date'
            when overdue_days <= 0 then 'not_due'
            when overdue_days <= 30 then 'overdue_1_30'
            when overdue_days <= 60 then 'overdue_31_60'
            when overdue_days <= 90 then 'overdue_61_90'
            when overdue_days <= 180 then 'overdue_91_180'
            else 'overdue_over_180'
        end as measure,
        open_amount as amount,
        1 as open_count,
        case when overdue_days > 0 then 1 else 0 end as overdue_count
    from {{ ref('int_receivable_document_month') }}
    where open_amount > 0

),

summed as (

    select
        month,
        account_id,
        currency_code,
        {%- for measure in measures + ages %}
            sum(case when measure = '{{ measure }}' then amount else 0 end) as {{ measure }}_amount,
        {%- endfor %}
        sum(case when open_count > 0 then amount else 0 end) as gross_receivable_amount,
        sum(open_count) as open_document_count,
        sum(overdue_count) as overdue_document_count
    from amounts
    group by month, account_id, currency_code

)

select
    summed.month,
    summed.account_id,
    account.account_sk,
    account.customer_id as payer_customer_id,
    coalesce(payer.region_id, 'unknown') as region_id,
    summed.currency_code,
    months.is_month_closed,
    months.is_open_month,
    {%- for measure in measures + ages %}
        summed.{{ measure }}_amount,
    {%- endfor %}
    summed.gross_receivable_amount,
    cast(summed.open_document_count as integer) as open_document_count,
    cast(summed.overdue_document_count as integer) as overdue_document_count
from summed
inner join months
    on summed.month = months.month
left join {{ ref('dim_account') }} as account
    on summed.account_id = account.account_id and {{ version_before('account', 'months.end_at') }}
left join {{ ref('dim_customer') }} as payer
    on account.customer_id = payer.customer_id and {{ version_before('payer', 'months.end_at') }}
