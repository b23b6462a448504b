"""The tables that models write; dbt reads them as sources and exposes them as marts of the same names."""

SCORE_TABLES = (
    """
    create table if not exists scores.model_run (
        model_run_id text primary key,
        model_name text not null,
        as_of_date date not null,
        train_from_date date,
        train_to_date date,
        test_from_date date,
        test_to_date date,
        train_row_count bigint,
        test_row_count bigint,
        positive_rate numeric,
        auc numeric,
        top_decile_lift numeric,
        calibration_error numeric,
        feature_count integer,
        feature_digest text,
        parameters text,
        model_sha256 text,
        is_champion boolean not null
    )
    """,
    """
    create table if not exists scores.churn_score (
        as_of_date date not null,
        subscription_id text not null,
        churn_probability numeric,
        risk_band text not null,
        horizon_days integer not null,
        gap_days integer not null,
        model_run_id text,
        primary key (as_of_date, subscription_id)
    )
    """,
    """
    create table if not exists scores.churn_reason (
        as_of_date date not null,
        subscription_id text not null,
        reason_rank integer not null,
        reason_text text not null,
        reason_text_zh text,
        model_run_id text not null,
        primary key (as_of_date, subscription_id, reason_rank)
    )
    """,
    """
    create table if not exists scores.customer_segment (
        as_of_date date not null,
        customer_id text not null,
        value_tier text not null,
        cluster_name text not null,
        previous_cluster_name text,
        move_reason text,
        model_run_id text,
        primary key (as_of_date, customer_id)
    )
    """,
    """
    create table if not exists scores.subscription_lifetime_value (
        as_of_date date not null,
        subscription_id text not null,
        customer_id text not null,
        value_kind text not null,
        expected_months numeric not null,
        monthly_margin_amount numeric not null,
        value_amount numeric not null,
        deviation_amount numeric not null,
        interval_scale numeric not null,
        horizon_months integer not null,
        annual_discount_rate numeric not null,
        currency_code text not null,
        contact_gain_amount numeric,
        model_run_id text not null,
        primary key (as_of_date, subscription_id)
    )
    """,
    """
    create table if not exists scores.offer_response (
        as_of_date date not null,
        subscription_id text not null,
        campaign_name text not null,
        outcome_code text not null,
        verdict_name text not null,
        uplift_rate numeric not null,
        is_individual boolean not null,
        is_contactable boolean not null,
        outcome_value_amount numeric,
        contact_cost_amount numeric,
        increment_amount numeric,
        currency_code text,
        is_chosen boolean not null,
        reason_text text not null,
        reason_text_zh text,
        model_run_id text not null,
        primary key (as_of_date, subscription_id, campaign_name)
    )
    """,
    """
    create table if not exists scores.model_drift (
        as_of_date date not null,
        model_run_id text not null,
        measure_kind text not null,
        measure_name text not null,
        measure_value numeric not null,
        limit_value numeric not null,
        is_beyond_limit boolean not null,
        row_count bigint not null,
        primary key (as_of_date, model_run_id, measure_kind, measure_name)
    )
    """,
    """
    create table if not exists scores.churn_backtest (
        model_name text not null,
        model_run_id text not null,
        as_of_date date not null,
        slice_kind text not null,
        slice_name text not null,
        row_count bigint not null,
        leaver_count bigint not null,
        expected_leaver_count numeric not null,
        auc numeric,
        top_decile_lift numeric,
        calibrated_decile_count integer,
        primary key (model_name, as_of_date, slice_kind, slice_name)
    )
    """,
    """
    create table if not exists scores.model_decile (
        model_run_id text not null,
        decile integer not null,
        row_count bigint not null,
        leaver_count bigint not null,
        expected_leaver_count numeric not null,
        primary key (model_run_id, decile)
    )
    """,
    # What drift is measured against; JSON lists, that only the models read.
    """
    create table if not exists scores.model_profile (
        model_run_id text not null,
        measure_kind text not null,
        measure_name text not null,
        limits text not null,
        row_counts text not null,
        primary key (model_run_id, measure_kind, measure_name)
    )
    """,
    # Tables of before customers' moves were told, and reasons in Chinese.
    "alter table scores.churn_reason add column if not exists reason_text_zh text",
    "alter table scores.offer_response add column if not exists reason_text_zh text",
    "alter table scores.subscription_lifetime_value add column if not exists contact_gain_amount numeric",
    "alter table scores.customer_segment add column if not exists previous_cluster_name text",
    "alter table scores.customer_segment add column if not exists move_reason text",
    # Before there was a churn model for each plan type there was one for both: it scores nobody any more.
    "update scores.model_run set is_champion = false where model_name = 'churn' and is_champion",
)
