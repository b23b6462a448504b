{{ by_partition('posted_month', 'month', replaced_by='issued_date', replaced_grain='day') }}
{%- set touched = touched_partitions({'stg_billing__invoice_line': 'landed'}) %}

-- Invoice lines with the month they count in. A document belongs to its service month as long as that is open; later
-- it is posted to the earliest month still open when it was issued and delivered, and keeps its service month.
with dated as (

    select
        invoice_line_id,
        invoice_id,
        account_id,
        subscription_id,
        offer_id,
        document_type,
        charge_type,
        service_month,
        due_date,
        net_amount,
        tax_amount,
        currency_code,
        issued_date,
        greatest(issued_date, _business_date) as known_date
    from {{ ref('stg_billing__invoice_line') }}
    where {{ in_landed_days('', 'issued_date', 'stg_billing__invoice_line', touched) }}

)

select
    invoice_line_id,
    invoice_id,
    account_id,
    subscription_id,
    offer_id,
    document_type,
    charge_type,
    service_month,
    greatest(service_month, {{ earliest_open_month('known_date') }}) as posted_month,
    issued_date,
    due_date,
    net_amount,
    tax_amount,
    currency_code
from dated
