{{ with_known_partitions('posted_month') }}

-- Charges to an account as a whole, and the bundle that a charge (or a discount on it) is for; no bundle is ''.
select
    line.invoice_line_id,
    line.account_id,
    line.document_type,
    line.charge_type,
    line.service_month,
    line.posted_month,
    line.currency_code,
    line.net_amount,
    line.tax_amount,
    case when offer.offer_type = 'bundle' then line.offer_id else '' end as bundle_offer_id
from {{ ref('int_invoice_line_posted') }} as line
left join {{ ref('dim_offer') }} as offer
    on line.offer_id = offer.offer_id and offer.is_current
where line.subscription_id is null
