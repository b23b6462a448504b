-- A place is a stage of a kind of opportunity in a region. Whoever stands elsewhere at the end than at the opening
-- moved out with the value of the opening and moved in; a new value is a revaluation where it stands at the end.
-- What was decided moved to its last open stage first.
{% set place = ['region_id', 'opportunity_type', 'source_code', 'stage_code', 'currency_code'] -%}
{% set measures = ['opening', 'new', 'moved_in', 'revalued', 'moved_out', 'won', 'lost', 'closing'] -%}
with paired as (

    select
        monthly.month,
        monthly.is_opening,
        monthly.is_new,
        monthly.is_closing,
        monthly.is_won,
        monthly.is_lost,
        monthly.region_id,
        state.opportunity_type,
        state.source_code,
        counted.stage_code,
        state.currency_code,
        state.expected_amount,
        monthly.opening_region_id,
        opening.opportunity_type as opening_opportunity_type,
        opening.source_code as opening_source_code,
        opening.stage_code as opening_stage_code,
        opening.currency_code as opening_currency_code,
        opening.expected_amount as opening_amount,
        counted.win_probability
    from {{ ref('int_opportunity_month') }} as monthly
    inner join {{ ref('int_opportunity_state') }} as state
        on monthly.opportunity_id = state.opportunity_id
            and monthly.closing_version_number = state.version_number
    inner join {{ ref('int_opportunity_state') }} as counted
        on monthly.opportunity_id = counted.opportunity_id
            and monthly.counted_version_number = counted.version_number
    left join {{ ref('int_opportunity_state') }} as opening
        on monthly.opportunity_id = opening.opportunity_id
            and monthly.opening_version_number = opening.version_number
    where monthly.is_closing or monthly.is_decided

),

compared as (

    select
        *,
        is_opening and not (
            {% for column in place -%}
                {{ column }} = opening_{{ column }}{% if not loop.last %} and {% endif %}
            {%- endfor %}
        ) as is_moved,
        case when currency_code = opening_currency_code then opening_amount else expected_amount end as carried_amount
    from paired

),

sides as (

    select
        month,
        {%- for column in place %}
            opening_{{ column }} as {{ column }},
        {%- endfor %}
        {%- for measure in measures %}
            {%- if measure == 'opening' %}
                1 as opening_count,
                opening_amount,
            {%- elif measure == 'moved_out' %}
                case when is_moved then 1 else 0 end as moved_out_count,
                case when is_moved then opening_amount else 0 end as moved_out_amount,
            {%- else %}
                0 as {{ measure }}_count,
                0 as {{ measure }}_amount,
            {%- endif %}
        {%- endfor %}
        0 as weighted_amount
    from compared
    where is_opening

    union all

    select
        month,
        {{ place | join(',\n        ') }},
        0 as opening_count,
        0 as opening_amount,
        case when is_new then 1 else 0 end as new_count,
        case when is_new then expected_amount else 0 end as new_amount,
        case when is_moved then 1 else 0 end as moved_in_count,
        case when is_moved then carried_amount else 0 end as moved_in_amount,
        0 as revalued_count,
        case when is_opening then expected_amount - carried_amount else 0 end as revalued_amount,
        0 as moved_out_count,
        0 as moved_out_amount,
        case when is_won then 1 else 0 end as won_count,
        case when is_won then expected_amount else 0 end as won_amount,
        case when is_lost then 1 else 0 end as lost_count,
        case when is_lost then expected_amount else 0 end as lost_amount,
        case when is_closing then 1 else 0 end as closing_count,
        case when is_closing then expected_amount else 0 end as closing_amount,
        case when is_closing then expected_amount * win_probability else 0 end as weighted_amount
    from compared

)

select
    sides.month,
    sides.region_id,
    sides.opportunity_type,
    sides.source_code,
    sides.stage_code,
    sides.currency_code,
    months.is_month_closed,
    months.is_open_month,
    {%- for measure in measures if measure != 'revalued' %}
        {{ sum_whole('sides.' ~ measure ~ '_count') }} as {{ measure }}_count,
    {%- endfor %}
    {%- for measure in measures %}
        cast(sum(sides.{{ measure }}_amount) as numeric(18, 2)) as {{ measure }}_amount,
    {%- endfor %}
    cast(sum(sides.weighted_amount) as numeric(18, 2)) as weighted_amount
from sides
inner join {{ ref('int_month') }} as months
    on sides.month = months.month
group by
    sides.month,
    sides.region_id,
    sides.opportunity_type,
    sides.source_code,
    sides.stage_code,
    sides.currency_code,
    months.is_month_closed,
    months.is_open_month
