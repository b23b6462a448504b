"""Data that cannot carry a model: refused with a reason, the last model kept, and the run goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ml import pipeline
from ml.errors import FeatureContractError, LeakageError
from ml.params import load_params
from tenure.db import connect
from tenure.errors import TenureError
from tenure.settings import Settings

FEATURES = """
create table features.subscription_features as
select 'S' || n as subscription_id, day::date as as_of_date, day = '2026-03-31' as is_scoring, 'C' || n as customer_id,
       'postpaid' as plan_type, 20 + n as tenure_days,
       (n * 37 %% 101)::numeric as monthly_charge, (n %% 3)::text as plan_name,
       day::date - abs(hashtext('visit' || n)) %% 30 as last_visit_date
from generate_series(1, %(rows)s) n, unnest(array['2026-01-31', '2026-03-31']::timestamp[]) day
"""
LABELS = """
create table features.subscription_labels as
select subscription_id, as_of_date, case when is_scoring then null else {} end as label_voluntary_churn,
       case when is_scoring then null else 0 end as label_inactive_churn
from features.subscription_features
"""
MONTHLY = """
create table build.subscription_monthly as
select subscription_id, customer_id, '2026-03-01'::date as month, true as is_closing, true as is_open_month,
       'silver' as closing_value_tier, 'prepaid' as closing_plan_type, 'prepaid' as opening_plan_type,
       1.0 as service_revenue_amount, 1 as voice_seconds, 1 as data_bytes, 1 as sms_count, 10 as tenure_days
from features.subscription_features where is_scoring
"""
SIGNAL = "case when monthly_charge > 60 and hashtext(subscription_id) % 2 = 0 then 1 else 0 end"
TABLES = ("features.subscription_labels", "features.subscription_features", "build.subscription_monthly")


class Small:
    """A warehouse whose feature tables are made by hand."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def drop(self) -> None:
        with connect("transformer", settings=self.settings) as connection:
            for name in TABLES:
                connection.execute(f"drop table if exists {name} cascade")

    def make(self, rows: int = 600, label: str = SIGNAL) -> None:
        self.drop()
        with connect("transformer", settings=self.settings) as connection:
            connection.execute(FEATURES, {"rows": rows})
            connection.execute(LABELS.format(label))
            connection.execute(MONTHLY)

    def change(self, statement: str) -> None:
        with connect("transformer", settings=self.settings) as connection:
            connection.execute(statement)

    def bands(self) -> dict[str, int]:
        with connect("scorer", settings=self.settings) as connection:
            return dict(connection.execute("select risk_band, count(*) from scores.churn_score group by 1").fetchall())

    def run_count(self) -> int:
        with connect("scorer", settings=self.settings) as connection:
            return connection.execute(
                "select count(*) from scores.model_run where model_name like 'churn%%'"
            ).fetchone()[0]


@pytest.fixture
def small(warehouse: Settings) -> Iterator[Small]:
    made = Small(warehouse)
    yield made
    made.drop()


@pytest.mark.parametrize(
    ("label", "rows", "reason"),
    [
        ("0", 600, "one class only: no one left"),
        ("1", 600, "one class only: everyone left"),
        ("null::integer", 600, "no month has complete labels"),
        ("case when monthly_charge > 99 then 1 else 0 end", 600, "leavers in 591 rows are too few"),
        (SIGNAL, 200, "191 labelled rows are too few"),
    ],
)
def test_labels_that_teach_nothing__refuse_training_and_scores_say_so(
    small: Small, label: str, rows: int, reason: str
) -> None:
    small.make(rows, label)
    result = pipeline.train_if_needed(small.settings)["churn_postpaid"]
    assert result["status"] == "refused"
    assert reason in result["reason"]
    assert result["model_run_id"] is None
    scored = pipeline.score(small.settings)
    assert scored["model_run_ids"] == {"postpaid": None, "prepaid": None}
    assert small.bands() == {"not_enough_history": rows}


def test_refused_training__keeps_the_last_good_model(small: Small) -> None:
    small.make()
    good = pipeline.train_if_needed(small.settings)["churn_postpaid"]
    assert good["status"] == "trained"
    small.make(label="0")
    small.change("update features.subscription_features set as_of_date = as_of_date + 31")
    small.change("update features.subscription_labels set as_of_date = as_of_date + 31")
    refused = pipeline.train_if_needed(small.settings)["churn_postpaid"]
    assert refused["status"] == "refused"
    assert refused["model_run_id"] == good["model_run_id"]
    assert pipeline.score(small.settings)["model_run_ids"] == {"postpaid": good["model_run_id"], "prepaid": None}
    assert sum(small.bands().values()) == 600
    assert small.run_count() == 1


def test_planted_leak__stops_training(small: Small) -> None:
    small.make()
    small.change("alter table features.subscription_features add column support_code integer")
    small.change(
        "update features.subscription_features f set support_code = l.label_voluntary_churn"
        " from features.subscription_labels l"
        " where (l.subscription_id, l.as_of_date) = (f.subscription_id, f.as_of_date)"
    )
    with pytest.raises(LeakageError, match="'support_code'"):
        pipeline.train_if_needed(small.settings)
    assert small.run_count() == 0


def test_date_of_the_future__stops_training(small: Small) -> None:
    small.make()
    small.change(
        "update features.subscription_features set last_visit_date = '2026-02-11' where subscription_id = 'S77'"
    )
    with pytest.raises(LeakageError, match=r"'last_visit_date'.*2026-02-11"):
        pipeline.train_if_needed(small.settings)


def test_column_the_model_misses__is_named_and_nothing_is_written(small: Small) -> None:
    small.make()
    pipeline.train_if_needed(small.settings)
    small.change("alter table features.subscription_features drop column monthly_charge")
    with pytest.raises(FeatureContractError, match="'monthly_charge' is missing"):
        pipeline.score(small.settings)
    assert small.bands() == {}


def test_column_of_another_kind__is_named(small: Small) -> None:
    small.make()
    pipeline.train_if_needed(small.settings)
    small.change(
        "alter table features.subscription_features alter column monthly_charge type text using 'a' || monthly_charge"
    )
    with pytest.raises(FeatureContractError, match="'monthly_charge' was numeric"):
        pipeline.score(small.settings)


def test_column_and_category_unknown_to_the_model__are_counted(small: Small) -> None:
    small.make()
    pipeline.train_if_needed(small.settings)
    small.change("alter table features.subscription_features add column shoe_size integer default 42")
    small.change("update features.subscription_features set plan_name = 'brand new' where subscription_id = 'S30'")
    small.change("update features.subscription_features set monthly_charge = 'Infinity' where subscription_id = 'S31'")
    result = pipeline.score(small.settings)
    assert result["unknown_columns"] == ["last_visit_date", "shoe_size"]
    assert result["unseen_values"] == {"plan_name": 1}
    assert sum(small.bands().values()) == 600


def test_plan_type_that_nobody_has__needs_no_model(small: Small) -> None:
    small.make()
    result = pipeline.train_if_needed(small.settings)["churn_prepaid"]
    assert (result["status"], result["reason"]) == ("not_needed", "no subscription is prepaid")


def test_each_plan_type__learns_its_own_label(small: Small) -> None:
    small.make(rows=1200)
    small.change(
        "update features.subscription_features set plan_type = 'prepaid' where right(subscription_id, 1) < '5'"
    )
    # Silence is an exit of prepaid lines alone; on the postpaid ones the label is there and is not asked for.
    small.change(
        "update features.subscription_labels l set label_inactive_churn = 1 - label_voluntary_churn"
        " from features.subscription_features f where f.subscription_id = l.subscription_id"
        " and f.as_of_date = l.as_of_date and l.label_voluntary_churn is not null and f.monthly_charge < 50"
    )
    results = pipeline.train_if_needed(small.settings)
    with connect("scorer", settings=small.settings) as connection:
        wanted = dict(
            connection.execute(
                "select f.plan_type, avg(case when f.plan_type = 'prepaid' then"
                " greatest(l.label_voluntary_churn, l.label_inactive_churn) else l.label_voluntary_churn end)::float8"
                " from features.subscription_features f join features.subscription_labels l"
                " using (subscription_id, as_of_date) where not f.is_scoring and f.tenure_days >= 30 group by 1"
            ).fetchall()
        )
        pipeline.score(small.settings)
        used = connection.execute(
            "select distinct f.plan_type, s.model_run_id from scores.churn_score s"
            " join features.subscription_features f using (subscription_id, as_of_date)"
            " where s.churn_probability is not null order by 1"
        ).fetchall()
    for plan_type, rate in wanted.items():
        assert results[f"churn_{plan_type}"]["positive_rate"] == pytest.approx(rate, abs=1e-4)
    assert wanted["prepaid"] > 2 * wanted["postpaid"]
    assert used == [(plan_type, results[f"churn_{plan_type}"]["model_run_id"]) for plan_type in ("postpaid", "prepaid")]


def test_few_leavers_of_a_plan_type__are_pooled_and_measured_apart(small: Small) -> None:
    small.make(rows=1200)
    small.change(
        "update features.subscription_features set plan_type = 'prepaid' where right(subscription_id, 1) < '5'"
    )
    params = load_params()
    training = params.training.model_copy(update={"own_model_positive_count": 10_000})
    results = pipeline.train_if_needed(small.settings, params.model_copy(update={"training": training}))
    runs = {run["model_name"]: run for run in pipeline.models(small.settings)}
    for plan_type in ("postpaid", "prepaid"):
        run = runs[f"churn_{plan_type}"]
        with connect("scorer", settings=small.settings) as connection:
            own = connection.execute(
                "select count(*) from features.subscription_features where plan_type = %s and not is_scoring"
                " and tenure_days >= 30",
                (plan_type,),
            ).fetchone()
        assert own == (run["test_row_count"],)
        assert run["train_row_count"] > run["test_row_count"]
        assert "learnt from lines of all plan types" in pipeline.card(small.settings, run["model_run_id"])
        assert results[f"churn_{plan_type}"]["status"] == "trained"


def test_new_parameters__make_a_new_run_and_one_champion(small: Small) -> None:
    small.make()
    params = load_params()
    first = pipeline.train_if_needed(small.settings, params)["churn_postpaid"]
    changed = params.model_copy(update={"seed": params.seed + 1})
    second = pipeline.train_if_needed(small.settings, changed)["churn_postpaid"]
    assert first["model_run_id"] != second["model_run_id"]
    champions = [
        run for run in pipeline.models(small.settings) if run["is_champion"] and run["model_name"] == "churn_postpaid"
    ]
    assert [run["model_run_id"] for run in champions] == [second["model_run_id"]]


def test_nothing_built__is_said(small: Small) -> None:
    small.drop()
    with pytest.raises(TenureError, match=r"subscription_features is missing .*tenure build"):
        pipeline.train_if_needed(small.settings)
