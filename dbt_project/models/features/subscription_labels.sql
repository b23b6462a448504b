-- What became of each subscription after the gap. Null while the horizon is not over, and for those that left within
-- the gap, when nobody could have acted any more.
with subjects as (

    select
        subject.subscription_id,
        subject.as_of_date,
        {{ date_plus('subject.as_of_date', var('label_gap_days')) }} as gap_end_date,
        {{ date_plus(
            date_plus('subject.as_of_date', var('label_gap_days')), var('label_horizon_months'), 'month'
        ) }} as horizon_end_date
    from {{ ref('int_feature_subject') }} as subject

),

exits as (

    select
        subjects.subscription_id,
        subjects.as_of_date,
        min(event.occurred_date) as left_date
    from subjects
    inner join {{ ref('fct_subscription_event') }} as event
        on subjects.subscription_id = event.subscription_id
            and event.churn_type is not null
            and event.occurred_date > subjects.as_of_date
            and event.occurred_date <= subjects.horizon_end_date
    group by subjects.subscription_id, subjects.as_of_date

),

first_exits as (

    select
        exits.subscription_id,
        exits.as_of_date,
        exits.left_date,
        max(event.churn_type) as churn_type
    from exits
    inner join {{ ref('fct_subscription_event') }} as event
        on exits.subscription_id = event.subscription_id
            and exits.left_date = event.occurred_date
            and event.churn_type is not null
    group by exits.subscription_id, exits.as_of_date, exits.left_date

),

judged as (

    select
        subjects.subscription_id,
        subjects.as_of_date,
        subjects.gap_end_date,
        subjects.horizon_end_date,
        subjects.horizon_end_date <= as_of.as_of_date as is_horizon_complete,
        coalesce(first_exits.left_date <= subjects.gap_end_date, false) as has_left_in_gap,
        first_exits.churn_type
    from subjects
    cross join {{ ref('int_as_of_date') }} as as_of
    left join first_exits
        on subjects.subscription_id = first_exits.subscription_id and subjects.as_of_date = first_exits.as_of_date

)

select
    subscription_id,
    as_of_date,
    gap_end_date,
    horizon_end_date,
    is_horizon_complete,
    has_left_in_gap,
    {%- for kind in ['voluntary', 'inactive'] %}
        case
            when is_horizon_complete and not has_left_in_gap
                then case when churn_type = '{{ kind }}' then 1 else 0 end
        end as label_{{ kind }}_churn{% if not loop.last %},{% endif %}
    {%- endfor %}
from judged
