-- The calling circle of each line at each feature date: members on the network, and those lost in 60 days. Who left
-- earlier is forgotten; a member who only fell silent is not lost yet.
with stays as (

    select
        subject.as_of_date,
        subject.subscription_id,
        circle.member_subscription_id,
        max(case when stay.left_at is null or stay.left_at >= subject.as_of_end_at then 1 else 0 end) as is_here
    from {{ ref('int_feature_subject') }} as subject
    inner join {{ ref('int_calling_circle') }} as circle
        on subject.subscription_id = circle.subscription_id and circle.member_from_date <= subject.as_of_date
    inner join {{ ref('int_subscription_presence') }} as stay
        on circle.member_subscription_id = stay.subscription_id
            and stay.joined_at < subject.as_of_end_at
            and (
                stay.left_at is null
                or stay.left_at >= {{ local_midnight(date_plus('subject.as_of_date', -59)) }} -- noqa: LT05
            )
    group by subject.as_of_date, subject.subscription_id, circle.member_subscription_id

)

select
    as_of_date,
    subscription_id,
    count(*) as circle_line_count,
    count(*) - sum(is_here) as circle_lost_count_60
from stays
group by as_of_date, subscription_id
