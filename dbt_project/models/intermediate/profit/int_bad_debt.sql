-- What was written off less what was recovered afterwards, in the month it happened, brought down to the lines of the
-- invoice by what each was billed on it, tax included. The largest line takes the remainder of the cents.
with event as (

    select
        collection_event_id,
        invoice_id,
        subscription_id,
        {{ month_of(local_date('occurred_at')) }} as month,
        currency_code,
        case when event_type = 'recovery' then -amount else amount end as amount
    from {{ ref('stg_billing__collection_event') }}
    where event_type in ('write_off', 'recovery') and occurred_at < {{ as_of_end_at() }}

),

asked as (

    select distinct invoice_id
    from event
    where subscription_id is null

),

billed as (

    select
        line.invoice_id,
        allocated.subscription_id,
        allocated.currency_code,
        sum(allocated.net_amount + allocated.tax_amount) as weight
    from asked
    inner join {{ ref('stg_billing__invoice_line') }} as line
        on asked.invoice_id = line.invoice_id
    inner join {{ ref('int_revenue_allocated') }} as allocated
        on line.invoice_line_id = allocated.invoice_line_id
    where allocated.subscription_id <> 'unallocated'
    group by line.invoice_id, allocated.subscription_id, allocated.currency_code
    having sum(allocated.net_amount + allocated.tax_amount) > 0

),

shared as (

    select
        event.collection_event_id,
        event.month,
        event.currency_code,
        event.amount,
        coalesce(event.subscription_id, billed.subscription_id, 'unallocated') as subscription_id,
        case
            when event.subscription_id is not null then 'direct'
            when billed.subscription_id is not null then 'allocated'
            else 'unallocated'
        end as method_name,
        coalesce(
            round(
                event.amount * billed.weight
                / sum(billed.weight) over (partition by event.collection_event_id),
                2
            ),
            event.amount
        ) as share_amount,
        row_number() over (
            partition by event.collection_event_id order by billed.weight desc, billed.subscription_id asc
        ) as share_rank
    from event
    left join billed
        on event.subscription_id is null
            and event.invoice_id = billed.invoice_id
            and event.currency_code = billed.currency_code

)

select
    collection_event_id,
    month,
    subscription_id,
    currency_code,
    method_name,
    share_amount
    + case
        when share_rank = 1 then amount - sum(share_amount) over (partition by collection_event_id)
        else 0
    end as amount
from shared
