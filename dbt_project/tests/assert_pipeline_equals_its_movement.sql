-- The opportunities one by one keep the identity and add up to the movement, the next opening included.
with listed as (

    select
        month,
        currency_code,
        sum(opening_amount + new_amount + revalued_amount - won_amount - lost_amount - open_amount) as difference,
        sum(opening_amount) as opening_amount,
        sum(open_amount) as open_amount,
        sum(won_amount) as won_amount
    from {{ ref('opportunity_pipeline') }}
    group by month, currency_code

),

moved as (

    select
        month,
        currency_code,
        sum(opening_amount) as opening_amount,
        sum(closing_amount) as closing_amount,
        sum(won_amount) as won_amount
    from {{ ref('opportunity_movement_monthly') }}
    group by month, currency_code

)

select
    listed.month,
    listed.currency_code
from listed
left join moved
    on listed.month = moved.month and listed.currency_code = moved.currency_code
where listed.difference <> 0
    or listed.opening_amount <> coalesce(moved.opening_amount, 0)
    or listed.open_amount <> coalesce(moved.closing_amount, 0)
    or listed.won_amount <> coalesce(moved.won_amount, 0)
