{%- set window_months = var('price_change_window_months') -%}
-- Changes of the monthly fee (or its currency) of main offers, and the months that can be set against each other:
-- as many before as after, all closed and delivered from their first day, all with lines on the offer, none with
-- another fee. A fee that changes within a month puts that month on neither side.
with versions as (

    select
        offer_id,
        offer_name,
        offer_type,
        service_line,
        plan_type,
        valid_from_at as changed_at,
        {{ local_date('valid_from_at') }} as changed_date,
        lag(monthly_fee_amount) over (partition by offer_id order by version_number) as previous_fee_amount,
        monthly_fee_amount as fee_amount,
        lag(currency_code) over (partition by offer_id order by version_number) as previous_currency_code,
        currency_code
    from {{ ref('dim_offer') }}

),

changes as (

    select
        *,
        {{ month_of('changed_date') }} as changed_month,
        case
            when changed_date = {{ month_of('changed_date') }} then changed_date
            else {{ date_plus(month_of('changed_date'), 1, 'month') }}
        end as first_month
    from versions
    where offer_type = 'main'
        and (previous_fee_amount <> fee_amount or previous_currency_code <> currency_code)

),

neighbours as (

    select
        *,
        lag(first_month) over (partition by offer_id order by changed_at) as previous_first_month,
        lead(changed_month) over (partition by offer_id order by changed_at) as next_changed_month
    from changes

),

history as (

    -- Where the one is delivered and the other is not yet, who left is not known.
    select max(complete_from_date) as complete_from_date
    from {{ ref('int_source_coverage') }}
    where source_name = 'crm' and entity_name in ('subscription', 'subscription_event')

),

closed_months as (

    select months.month
    from {{ ref('int_month') }} as months
    inner join history
        on months.month >= history.complete_from_date
    where months.is_month_closed

),

closed_offer_months as (

    select distinct
        lines.offer_id,
        lines.month
    from {{ ref('int_offer_month') }} as lines
    inner join closed_months
        on lines.month = closed_months.month

),

distances as (

    {% for distance in range(1, window_months + 1) %}
        select {{ distance }} as distance
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

pairs as (

    select
        neighbours.*,
        distances.distance,
        {{ date_plus('neighbours.changed_month', '-distances.distance', 'month') }} as month_before,
        {{ date_plus('neighbours.first_month', 'distances.distance - 1', 'month') }} as month_after
    from neighbours
    cross join distances

),

judged as (

    select
        pairs.offer_id,
        pairs.changed_at,
        pairs.distance,
        after_closed.month is not null as is_over,
        lines_before.month is not null
        and pairs.month_before >= coalesce(pairs.previous_first_month, pairs.month_before)
        and (pairs.next_changed_month is null or pairs.month_after < pairs.next_changed_month)
        -- What has not happened yet cannot speak against the month.
        and (after_closed.month is null or lines_after.month is not null) as is_comparable
    from pairs
    left join closed_months as after_closed
        on pairs.month_after = after_closed.month
    left join closed_offer_months as lines_before
        on pairs.offer_id = lines_before.offer_id and pairs.month_before = lines_before.month
    left join closed_offer_months as lines_after
        on pairs.offer_id = lines_after.offer_id and pairs.month_after = lines_after.month

),

limits as (

    select
        offer_id,
        changed_at,
        coalesce(min(case when not is_over then distance end), {{ window_months + 1 }}) - 1 as over_count,
        coalesce(min(case when not is_comparable then distance end), {{ window_months + 1 }}) - 1 as comparable_count
    from judged
    group by offer_id, changed_at

),

counted as (

    select
        *,
        least(over_count, comparable_count) as month_count
    from limits

)

select
    neighbours.offer_id,
    neighbours.offer_name,
    neighbours.service_line,
    neighbours.plan_type,
    neighbours.changed_at,
    neighbours.changed_date,
    neighbours.changed_month,
    neighbours.first_month,
    neighbours.previous_fee_amount,
    neighbours.fee_amount,
    neighbours.previous_currency_code,
    neighbours.currency_code,
    counted.month_count,
    counted.comparable_count <= counted.over_count as is_window_complete,
    {{ date_plus('neighbours.changed_month', '-counted.month_count', 'month') }} as window_from_month,
    {{ date_plus('neighbours.first_month', 'counted.month_count', 'month') }} as window_to_month
from neighbours
inner join counted
    on neighbours.offer_id = counted.offer_id and neighbours.changed_at = counted.changed_at
