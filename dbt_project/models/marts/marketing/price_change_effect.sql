-- How the churn of the offer moved, less how that of its like moved (difference in differences). The interval adds the
-- squared distances of four Wilson intervals (Newcombe 2001), as campaign_effect does with two.
with changes as (

    select *
    from {{ ref('int_price_change') }}
    where previous_currency_code = currency_code

),

counted_offers as (

    select
        changes.offer_id,
        changes.changed_at,
        peer.offer_id as counted_offer_id,
        false as is_own
    from changes
    inner join {{ ref('dim_offer') }} as peer
        on changes.service_line = peer.service_line
            and changes.plan_type = peer.plan_type
            and changes.offer_id <> peer.offer_id
            and peer.offer_type = 'main'
            and peer.is_current
    left join {{ ref('int_price_change') }} as other_change
        on peer.offer_id = other_change.offer_id
            and other_change.changed_date >= changes.window_from_month
            and other_change.changed_date < changes.window_to_month
    where other_change.offer_id is null

    union all

    select
        offer_id,
        changed_at,
        offer_id as counted_offer_id,
        true as is_own
    from changes

),

sides as (

    select
        changes.offer_id,
        changes.changed_at,
        counted_offers.counted_offer_id,
        counted_offers.is_own and lines.month < changes.first_month as is_own_before,
        counted_offers.is_own and lines.month >= changes.first_month as is_own_after,
        not counted_offers.is_own and lines.month < changes.first_month as is_other_before,
        not counted_offers.is_own and lines.month >= changes.first_month as is_other_after,
        lines.opening_count,
        lines.voluntary_churn_count,
        -- A line without a known account is in no currency and has no bills.
        case
            when coalesce(lines.currency_code, changes.currency_code) = changes.currency_code
                then lines.service_revenue_amount
        end as service_revenue_amount
    from changes
    inner join counted_offers
        on changes.offer_id = counted_offers.offer_id and changes.changed_at = counted_offers.changed_at
    inner join {{ ref('int_offer_month') }} as lines
        on counted_offers.counted_offer_id = lines.offer_id
            and lines.month >= changes.window_from_month
            and lines.month < changes.window_to_month
            and (lines.month < changes.changed_month or lines.month >= changes.first_month)

),

counted as (

    select
        offer_id,
        changed_at,
        count(distinct case when is_other_before or is_other_after then counted_offer_id end) as other_offer_count,
        {%- for side in ['own_before', 'own_after', 'other_before', 'other_after'] %}
            cast(sum(case when is_{{ side }} then opening_count end) as bigint) as {{ side }}_count,
            cast(sum(case when is_{{ side }} then voluntary_churn_count end) as bigint) as {{ side }}_churn_count,
        {%- endfor %}
        {%- for side in ['own_before', 'own_after'] %}
            case
                when count(case when is_{{ side }} and service_revenue_amount is null then 1 end) = 0
                    then sum(case when is_{{ side }} then service_revenue_amount end)
            end as {{ side }}_revenue_amount{% if not loop.last %},{% endif %}
        {%- endfor %}
    from sides
    group by offer_id, changed_at

),

shares as (

    select
        *,
        {%- for side in ['own_before', 'own_after', 'other_before', 'other_after'] %}
            cast({{ side }}_churn_count as double precision) / {{ side }}_count as {{ side }}_rate
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from counted

),

wilson as (

    select
        *,
        {%- for side in ['own_before', 'own_after', 'other_before', 'other_after'] %}
            {{ wilson_bound(side ~ '_rate', side ~ '_count', '-') }} as {{ side }}_low,
            {{ wilson_bound(side ~ '_rate', side ~ '_count', '+') }} as {{ side }}_high
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from shares

),

compared as (

    select
        *,
        (own_after_rate - own_before_rate) - (other_after_rate - other_before_rate) as effect_rate,
        sqrt(
            power(own_after_rate - own_after_low, 2) + power(own_before_high - own_before_rate, 2)
            + power(other_after_high - other_after_rate, 2) + power(other_before_rate - other_before_low, 2)
        ) as below,
        sqrt(
            power(own_after_high - own_after_rate, 2) + power(own_before_rate - own_before_low, 2)
            + power(other_after_rate - other_after_low, 2) + power(other_before_high - other_before_rate, 2)
        ) as above
    from wilson

)

select
    changes.offer_id,
    changes.offer_name,
    changes.service_line,
    changes.plan_type,
    changes.changed_at,
    changes.first_month,
    changes.previous_fee_amount,
    changes.fee_amount,
    changes.currency_code,
    cast(changes.month_count as integer) as month_count,
    changes.is_window_complete,
    compared.own_before_count as before_opening_count,
    compared.own_before_churn_count as before_voluntary_churn_count,
    compared.own_after_count as after_opening_count,
    compared.own_after_churn_count as after_voluntary_churn_count,
    compared.other_offer_count,
    compared.other_before_count as other_before_opening_count,
    compared.other_before_churn_count as other_before_voluntary_churn_count,
    compared.other_after_count as other_after_opening_count,
    compared.other_after_churn_count as other_after_voluntary_churn_count,
    cast(compared.own_before_rate as numeric(9, 6)) as before_churn_rate,
    cast(compared.own_after_rate as numeric(9, 6)) as after_churn_rate,
    cast(compared.other_before_rate as numeric(9, 6)) as other_before_churn_rate,
    cast(compared.other_after_rate as numeric(9, 6)) as other_after_churn_rate,
    cast(compared.effect_rate as numeric(9, 6)) as effect_rate,
    cast(compared.effect_rate - compared.below as numeric(9, 6)) as effect_low_rate,
    cast(compared.effect_rate + compared.above as numeric(9, 6)) as effect_high_rate,
    case
        when changes.month_count = 0 and not changes.is_window_complete then 'too recent'
        when compared.effect_rate is null then 'not comparable'
        when compared.effect_rate - compared.below > 0 then 'more churn'
        when compared.effect_rate + compared.above < 0 then 'less churn'
        else 'no effect shown'
    end as verdict_name,
    cast(compared.effect_rate * compared.own_after_count as numeric(18, 2)) as extra_churn_count,
    cast(compared.own_before_revenue_amount as numeric(18, 2)) as before_revenue_amount,
    cast(compared.own_after_revenue_amount as numeric(18, 2)) as after_revenue_amount,
    cast(compared.own_before_revenue_amount / compared.own_before_count as numeric(18, 2))
        as before_revenue_per_line_amount,
    cast(compared.own_after_revenue_amount / compared.own_after_count as numeric(18, 2))
        as after_revenue_per_line_amount
from changes
left join compared
    on changes.offer_id = compared.offer_id and changes.changed_at = compared.changed_at
