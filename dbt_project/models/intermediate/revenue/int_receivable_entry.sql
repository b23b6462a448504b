-- What moves the receivables of an account: signed gross amounts by document and posted month. `amount` is the effect
-- on what is owed; a document that is not named is ''. Statements were paid before and owe nothing; what recovers a
-- debt written off is apart and moves nothing.
with documents as (

    select
        account_id,
        currency_code,
        posted_month,
        invoice_id,
        case document_type when 'invoice' then 'billed' when 'credit_note' then 'credited' else 'adjusted' end
            as entry_type,
        net_amount + tax_amount as amount
    from {{ ref('int_invoice_line_posted') }}
    where document_type <> 'statement'

),

payments as (

    select
        account_id,
        currency_code,
        posted_month,
        coalesce(invoice_id, '') as invoice_id,
        case movement_type when 'reversal' then 'reversed' else 'paid' end as entry_type,
        -1 * amount as amount
    from {{ ref('int_payment_posted') }}
    where movement_type <> 'recovery'

),

write_offs as (

    select
        account_id,
        currency_code,
        posted_month,
        invoice_id,
        'written_off' as entry_type,
        -1 * amount as amount
    from {{ ref('int_collection_posted') }}
    where event_type = 'write_off'

),

entries as (

    select * from documents
    union all
    select * from payments
    union all
    select * from write_offs

)

select
    account_id,
    currency_code,
    posted_month,
    invoice_id,
    entry_type,
    sum(amount) as amount
from entries
group by account_id, currency_code, posted_month, invoice_id, entry_type
