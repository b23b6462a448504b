{{ by_partition('posted_month', 'month', indexes=[{'columns': ['subscription_id']}, {'columns': ['account_id']}]) }}
{%- set touched = touched_partitions({
    'int_invoice_line_posted': 'same',
    'int_account_charge': 'same',
    'int_account_line_share': {
        'sql': "select charge.posted_month from " ~ ref('int_account_charge') ~ " as charge"
            ~ " where charge.service_month in (select changed.partition_date from changed)",
    },
}) %}

-- Every invoice line brought down to subscriptions. The shares of an account-level charge are rounded to the cent and
-- the largest line takes the remainder, so that the shares add up to the charge exactly.
with shared as (

    select
        line.invoice_line_id,
        line.account_id,
        share.subscription_id,
        line.document_type,
        line.charge_type,
        line.service_month,
        line.posted_month,
        line.currency_code,
        coalesce(share.allocation_method, 'unallocated') as allocation_method,
        share.share_rank,
        line.net_amount as line_net_amount,
        line.tax_amount as line_tax_amount,
        coalesce(round(line.net_amount * share.weight / share.total_weight, 2), line.net_amount) as net_share,
        coalesce(round(line.tax_amount * share.weight / share.total_weight, 2), line.tax_amount) as tax_share
    from {{ ref('int_account_charge') }} as line
    left join {{ ref('int_account_line_share') }} as share
        on line.account_id = share.account_id
            and line.service_month = share.service_month
            and line.currency_code = share.currency_code
            and line.bundle_offer_id = share.bundle_offer_id
    where {{ in_partitions('line.posted_month', touched, 'month') }}

),

completed as (

    select
        *,
        line_net_amount - sum(net_share) over (partition by invoice_line_id) as net_remainder,
        line_tax_amount - sum(tax_share) over (partition by invoice_line_id) as tax_remainder
    from shared

)

select
    invoice_line_id,
    account_id,
    subscription_id,
    document_type,
    charge_type,
    service_month,
    posted_month,
    currency_code,
    'direct' as allocation_method,
    net_amount,
    tax_amount
from {{ ref('int_invoice_line_posted') }}
where subscription_id is not null and {{ in_partitions('posted_month', touched, 'month') }}

union all

select
    invoice_line_id,
    account_id,
    coalesce(subscription_id, 'unallocated') as subscription_id,
    document_type,
    charge_type,
    service_month,
    posted_month,
    currency_code,
    allocation_method,
    net_share + case when share_rank = 1 then net_remainder else 0 end as net_amount,
    tax_share + case when share_rank = 1 then tax_remainder else 0 end as tax_amount
from completed
