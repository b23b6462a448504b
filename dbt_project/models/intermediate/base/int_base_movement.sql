-- The base movement by slice and billing currency. What concerns the opening base counts at the opening slice, what
-- concerns joiners and the closing base at the closing slice; a transfer leaves the one and enters the other.
{% set opening_counts = [
    'opening_count',
    'transfer_out_count',
    'opening_voluntary_churn_count',
    'opening_involuntary_churn_count',
    'opening_inactive_churn_count'
] %}
{% set closing_counts = [
    'closing_count',
    'transfer_in_count',
    'activation_count',
    'reactivation_count',
    'win_back_count',
    'joiner_voluntary_churn_count',
    'joiner_involuntary_churn_count',
    'joiner_inactive_churn_count'
] %}
with subscription_months as (

    select * from {{ ref('subscription_monthly') }}

),

at_opening as (

    select
        month,
        coalesce(currency_code, '') as currency_code,
        {{ slice_list(prefix='opening_', rename=true) }},
        count(*) as opening_count,
        count(*) filter (where is_transferred) as transfer_out_count,
        {%- for kind in ['voluntary', 'involuntary', 'inactive'] %}
            count(*) filter (where opening_churn_type = '{{ kind }}') as opening_{{ kind }}_churn_count
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from subscription_months
    where is_opening
    group by month, coalesce(currency_code, ''), {{ slice_list(prefix='opening_') }}

),

at_closing as (

    select
        month,
        coalesce(currency_code, '') as currency_code,
        {{ slice_list(prefix='closing_', rename=true) }},
        count(*) filter (where is_closing) as closing_count,
        count(*) filter (where is_transferred) as transfer_in_count,
        sum(activation_count) as activation_count,
        sum(reactivation_count) as reactivation_count,
        sum(win_back_count) as win_back_count,
        {%- for kind in ['voluntary', 'involuntary', 'inactive'] %}
            sum(
                {{ kind }}_churn_count - case when opening_churn_type = '{{ kind }}' then 1 else 0 end
            ) as joiner_{{ kind }}_churn_count
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from subscription_months
    group by month, coalesce(currency_code, ''), {{ slice_list(prefix='closing_') }}

),

combined as (

    select
        month,
        currency_code,
        {{ slice_list() }},
        {%- for column in opening_counts %}
            {{ column }},
        {%- endfor %}
        {%- for column in closing_counts %}
            0 as {{ column }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from at_opening

    union all

    select
        month,
        currency_code,
        {{ slice_list() }},
        {%- for column in opening_counts %}
            0 as {{ column }},
        {%- endfor %}
        {%- for column in closing_counts %}
            {{ column }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from at_closing

)

select
    month,
    currency_code,
    {{ slice_list() }},
    {%- for column in opening_counts + closing_counts %}
        cast(sum({{ column }}) as bigint) as {{ column }}{% if not loop.last %},{% endif %}
    {%- endfor %}
from combined
group by month, currency_code, {{ slice_list() }}
