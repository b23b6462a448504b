with movements as (

    select
        month,
        {{ slice_list() }},
        {%- for column in [
            'opening_count', 'activation_count', 'reactivation_count', 'win_back_count', 'transfer_in_count',
            'transfer_out_count', 'closing_count', 'opening_voluntary_churn_count', 'opening_involuntary_churn_count',
            'opening_inactive_churn_count', 'joiner_voluntary_churn_count', 'joiner_involuntary_churn_count',
            'joiner_inactive_churn_count'
        ] %}
            cast(sum({{ column }}) as bigint) as {{ column }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ ref('int_base_movement') }}
    group by month, {{ slice_list() }}

),

summed as (

    select
        *,
        opening_voluntary_churn_count + joiner_voluntary_churn_count as voluntary_churn_count,
        opening_involuntary_churn_count + joiner_involuntary_churn_count as involuntary_churn_count,
        opening_inactive_churn_count + joiner_inactive_churn_count as inactive_churn_count,
        opening_voluntary_churn_count + opening_involuntary_churn_count + opening_inactive_churn_count
            as opening_churn_count,
        joiner_voluntary_churn_count + joiner_involuntary_churn_count + joiner_inactive_churn_count
            as same_month_churn_count
    from movements

)

select
    summed.month,
    {{ slice_list('summed') }},
    months.is_month_closed,
    months.is_open_month,
    summed.opening_count,
    summed.activation_count,
    summed.reactivation_count,
    summed.win_back_count,
    summed.transfer_in_count,
    summed.voluntary_churn_count,
    summed.involuntary_churn_count,
    summed.inactive_churn_count,
    summed.opening_churn_count + summed.same_month_churn_count as churn_count,
    summed.transfer_out_count,
    summed.closing_count,
    summed.opening_churn_count,
    summed.opening_voluntary_churn_count,
    summed.opening_involuntary_churn_count,
    summed.opening_inactive_churn_count,
    summed.same_month_churn_count
from summed
inner join {{ ref('int_month') }} as months
    on summed.month = months.month
