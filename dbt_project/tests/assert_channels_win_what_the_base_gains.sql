-- Activations and win-backs of all channels are those of the base movement, month by month.
with channels as (

    select
        month,
        sum(activation_count) as activation_count,
        sum(win_back_count) as win_back_count
    from {{ ref('channel_monthly') }}
    group by month

),

base as (

    select
        month,
        sum(activation_count) as activation_count,
        sum(win_back_count) as win_back_count
    from {{ ref('base_movement_monthly') }}
    group by month

)

select
    base.month,
    base.activation_count,
    channels.activation_count as channel_activation_count,
    base.win_back_count,
    channels.win_back_count as channel_win_back_count
from base
left join channels
    on base.month = channels.month
where base.activation_count <> coalesce(channels.activation_count, 0)
    or base.win_back_count <> coalesce(channels.win_back_count, 0)
