"""The typed form of `params.yaml`."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tenure.errors import TenureError

PARAMS_FILE = Path(__file__).resolve().parent / "params.yaml"
PLAN_TYPES = ("postpaid", "prepaid")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeatureParams(_Section):
    """Which columns of the feature table are inputs."""

    keys: tuple[str, ...]
    excluded: tuple[str, ...]


class HistoryParams(_Section):
    """When a subscription is too new to be scored."""

    column: str
    minimum: float


class LabelParams(_Section):
    """What is predicted, by plan type, and the window that a score speaks of, in days."""

    columns: dict[str, tuple[str, ...]]
    left_out_flag: str
    gap_days: int = Field(ge=0)
    horizon_days: int = Field(ge=1)

    @field_validator("columns")
    @classmethod
    def _names_every_plan(cls, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if set(columns) != set(PLAN_TYPES) or not all(columns.values()):
            raise ValueError(f"give the label columns of {' and '.join(PLAN_TYPES)}")
        return columns


class TrainingParams(_Section):
    """Limits and splits of a training."""

    minimum_positive_count: int = Field(ge=2)
    own_model_positive_count: int = Field(ge=2)
    minimum_row_count: int = Field(ge=10)
    maximum_row_count: int = Field(ge=100)
    test_positive_count: int = Field(ge=1)
    minimum_auc: float = Field(ge=0, le=1)
    cross_validation_folds: int = Field(ge=2)


class PromotionParams(_Section):
    """When a new churn model takes over from the one in use."""

    maximum_auc_loss: float = Field(ge=0, lt=0.5)
    minimum_positive_count: int = Field(ge=1)


class DriftParams(_Section):
    """When a churn model no longer fits what it scores, and what is then learnt from."""

    reference_months: int = Field(ge=1)
    sample_row_count: int = Field(ge=100)
    stability_limit: float = Field(gt=0)
    significance: float = Field(gt=0, lt=1)
    maximum_feature_share: float = Field(ge=0, le=1)
    maximum_age_days: int = Field(ge=1)
    challenger_months: int = Field(ge=3)


class BacktestParams(_Section):
    """How many months are scored in hindsight, and how few leavers tell nothing of ranking."""

    months: int = Field(ge=1)
    minimum_positive_count: int = Field(ge=1)


class ChurnModelParams(_Section):
    """Settings of the learners and of their blend."""

    full_evidence_count: int = Field(ge=1)
    blend_folds: int = Field(ge=2)
    boosting: dict[str, Any]
    additive: dict[str, Any]
    forest: dict[str, Any]
    spline: dict[str, Any]
    rare_level_count: int = Field(ge=1)


class BandParams(_Section):
    """Risk bands as multiples of the average odds."""

    high_odds_ratio: float = Field(gt=1)
    medium_odds_ratio: float = Field(gt=1)


class ProfitParams(_Section):
    """Amounts and acceptance of a retention campaign."""

    customer_value_amount: float = Field(gt=0)
    offer_amount: float = Field(ge=0)
    contact_amount: float = Field(ge=0)
    acceptance_alpha: float = Field(gt=0)
    acceptance_beta: float = Field(gt=0)


class LeakageParams(_Section):
    """What the leakage guard refuses."""

    maximum_single_auc: float = Field(gt=0.5, le=1)
    maximum_slice_precision: float = Field(gt=0.5, le=1)
    minimum_slice_recall: float = Field(gt=0, le=1)
    minimum_slice_count: int = Field(ge=2)
    sample_row_count: int = Field(ge=100)
    outcome_names: tuple[str, ...]
    allowed: tuple[str, ...]
    known_in_advance: tuple[str, ...]

    @field_validator("outcome_names")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            re.compile(pattern)
        return patterns


class SegmentParams(_Section):
    """Behavioural clusters and value tiers of customers."""

    cluster_count: int = Field(ge=2)
    minimum_customers_per_cluster: int = Field(ge=1)
    sample_row_count: int = Field(ge=100)
    months: int = Field(ge=1)
    fit_months: int = Field(ge=1)
    tiers: tuple[str, ...]
    naming_threshold: float = Field(ge=0)


class ReasonText(_Section):
    """A sentence, in English and Chinese, and the condition on the feature `when` under which it is true.

    `{value}` in it is the value of the column `say`, by default that of the feature.
    """

    when: str
    say: str | None = None
    text: str
    zh: str
    at_least: float | None = None
    at_most: float | None = None


class ReasonEntry(_Section):
    """Features that speak of one thing, and what is said of it."""

    features: tuple[str, ...] = Field(min_length=1)
    texts: tuple[ReasonText, ...]


class ReasonParams(_Section):
    """How many reasons, how strong each must be, and their words."""

    per_subscription: int = Field(ge=1)
    minimum_odds_ratio: float = Field(ge=1)
    catalogue: tuple[ReasonEntry, ...]


class UpliftParams(_Section):
    """What the effect of a contact is judged by, and when differences between subscriptions are believed."""

    inputs: tuple[str, ...] = Field(min_length=1)
    penalty: float = Field(gt=0)
    folds: int = Field(ge=2)
    resamples: int = Field(ge=100)
    minimum_row_count: int = Field(ge=50)


class OfferParams(_Section):
    """Limits of the choice of contacts."""

    budget_amount: float = Field(ge=0)
    contacts_per_customer: int = Field(ge=1)
    maximum_recent_contacts: int = Field(ge=0)


class LifetimeParams(_Section):
    """Horizon, discount and back-test of the lifetime value."""

    horizon_months: int = Field(ge=1)
    annual_discount_rate: float = Field(ge=0, lt=1)
    mean_months: int = Field(ge=1)
    shrinkage_months: float = Field(ge=0)
    longest_months_ahead: int = Field(ge=1)
    back_test_months: int = Field(ge=1)
    back_test_origins: int = Field(ge=1)
    coverage: float = Field(gt=0, lt=1)
    maximum_row_count: int = Field(ge=100)
    boosting: dict[str, Any]


class Params(_Section):
    """All of `params.yaml`."""

    seed: int
    threads: int = Field(ge=1)
    features: FeatureParams
    history: HistoryParams
    labels: LabelParams
    training: TrainingParams
    promotion: PromotionParams
    drift: DriftParams
    backtest: BacktestParams
    churn_model: ChurnModelParams
    risk_bands: BandParams
    profit: ProfitParams
    leakage: LeakageParams
    segments: SegmentParams
    uplift: UpliftParams
    offers: OfferParams
    lifetime_value: LifetimeParams
    reasons: ReasonParams


@lru_cache(maxsize=4)
def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read a parameter file. Raises TenureError that names the first entry which cannot be used."""
    try:
        return Params.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise TenureError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise TenureError(f"{path.name}: {name}: {first['msg']}", hint="correct it in ml/params.yaml") from None
