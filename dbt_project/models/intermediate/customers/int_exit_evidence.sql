-- What was found before each exit that can explain it, by reason of the taxonomy; the last piece of evidence of each.
with taxonomy as (

    select *
    from {{ ref('lost_reason') }}
    where taxonomy_version = (select max(newest.taxonomy_version) from {{ ref('lost_reason') }} as newest)

),

exits as (

    select * from {{ ref('int_subscription_exit') }}

),

tickets as (

    select distinct
        subscription_id,
        ticket_id,
        ticket_type,
        cause_code,
        {{ local_date('opened_at') }} as evidence_date
    from {{ ref('stg_care__ticket') }}
    where ticket_type in ('complaint', 'fault') and opened_at < {{ as_of_end_at() }}

),

bills as (

    select
        months.month,
        months.month_end_date,
        revenue.subscription_id,
        revenue.currency_code,
        revenue.service_revenue_amount,
        avg(revenue.service_revenue_amount) over (
            partition by revenue.subscription_id, revenue.currency_code order by revenue.month
            rows between 2 preceding and 1 preceding
        ) as earlier_amount,
        count(*) over (
            partition by revenue.subscription_id, revenue.currency_code order by revenue.month
            rows between 2 preceding and 1 preceding
        ) as earlier_count
    from {{ ref('int_revenue_monthly') }} as revenue
    inner join {{ ref('int_month') }} as months
        on revenue.month = months.month

),

contracts as (

    select
        subscription_id,
        end_date as evidence_date
    from {{ ref('fct_contract') }}
    where contract_status <> 'replaced'

),

rival_campaigns as (

    {{ entity_history(
        ref('stg_market__rival_campaign'),
        'rival_campaign_id',
        ['rival_name', 'region_id', 'service_line', 'start_date', 'end_date']
    ) }}

),

-- reason_code, the exit, and the day and the words of the evidence.
found as (

    select
        case exits.reason_code when 'fraud' then 'fraud' else 'arrears' end as reason_code,
        exits.subscription_id,
        exits.stay_number,
        exits.left_date,
        exits.left_date as evidence_date,
        exits.reason_code as evidence_text,
        cast(null as numeric) as strength
    from exits
    where exits.churn_type = 'involuntary'

    union all

    select
        'silent' as reason_code,
        exits.subscription_id,
        exits.stay_number,
        exits.left_date,
        exits.left_date as evidence_date,
        'silent for {{ var("inactive_churn_days") }} days' as evidence_text,
        cast(null as numeric) as strength
    from exits
    where exits.churn_type = 'inactive'

    union all

    select
        case
            when tickets.cause_code in ('outage', 'coverage') then 'network'
            when tickets.cause_code in ('price', 'bill') then 'price'
            else 'service'
        end as reason_code,
        exits.subscription_id,
        exits.stay_number,
        exits.left_date,
        tickets.evidence_date,
        tickets.ticket_type || ' about ' || tickets.cause_code as evidence_text,
        cast(null as numeric) as strength
    from exits
    inner join tickets
        on exits.subscription_id = tickets.subscription_id

    union all

    select
        'bill_shock' as reason_code,
        exits.subscription_id,
        exits.stay_number,
        exits.left_date,
        bills.month_end_date as evidence_date,
        'bill of ' || cast(bills.service_revenue_amount as {{ dbt.type_string() }})
        || ' after a mean of ' || cast(round(bills.earlier_amount, 2) as {{ dbt.type_string() }}) as evidence_text,
        bills.service_revenue_amount / nullif(bills.earlier_amount, 0) as strength
    from exits
    inner join bills
        on exits.subscription_id = bills.subscription_id
    where bills.earlier_count = 2 and bills.earlier_amount > 0

    union all

    select
        'dissatisfied' as reason_code,
        exits.subscription_id,
        exits.stay_number,
        exits.left_date,
        {{ local_date('survey.responded_at') }} as evidence_date,
        'satisfaction ' || cast(survey.score as {{ dbt.type_string() }}) || ' of 5' as evidence_text,
        cast(survey.score as numeric) as strength
    from exits
    inner join {{ ref('stg_care__survey_response') }} as survey
        on exits.subscription_id = survey.subscription_id
    where survey.survey_type = 'csat' and survey.responded_at < exits.left_at

    union all

    select
        'contract_expiry' as reason_code,
        exits.subscription_id,
        exits.stay_number,
        exits.left_date,
        contracts.evidence_date,
        'contract ended' as evidence_text,
        cast(null as numeric) as strength
    from exits
    inner join contracts
        on exits.subscription_id = contracts.subscription_id

    union all

    select
        'rival_campaign' as reason_code,
        exits.subscription_id,
        exits.stay_number,
        exits.left_date,
        least(rival_campaigns.end_date, exits.left_date) as evidence_date,
        'campaign of ' || rival_campaigns.rival_name as evidence_text,
        cast(null as numeric) as strength
    from exits
    inner join rival_campaigns
        on exits.region_id = rival_campaigns.region_id
            and exits.service_line = rival_campaigns.service_line
            and exits.left_date >= rival_campaigns.start_date
            -- Who carried the number to a rival went for that one.
            and (exits.other_operator is null or exits.other_operator = rival_campaigns.rival_name)
    where rival_campaigns.is_current and exits.churn_type = 'voluntary'

),

counted as (

    select
        found.*,
        taxonomy.taxonomy_version,
        taxonomy.priority,
        row_number() over (
            partition by found.subscription_id, found.stay_number, found.reason_code
            order by found.evidence_date desc, found.evidence_text asc
        ) as recency
    from found
    inner join taxonomy
        on found.reason_code = taxonomy.reason_code
    where
        found.evidence_date <= found.left_date
        and found.left_date <= {{ date_plus('found.evidence_date', 'taxonomy.lookback_days') }}
        and (
            taxonomy.threshold is null
            or (found.reason_code = 'dissatisfied' and found.strength <= taxonomy.threshold)
            or (found.reason_code <> 'dissatisfied' and found.strength >= taxonomy.threshold)
        )

)

select
    subscription_id,
    stay_number,
    reason_code,
    taxonomy_version,
    priority,
    evidence_date,
    evidence_text
from counted
where recency = 1
