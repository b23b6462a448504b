"""Model cards: what a run is for, what it learnt from, how good it is and where it must not be trusted, in Markdown."""

from __future__ import annotations

from typing import Any

from ml.params import Params
from ml.registry import CHURN_MODELS, LIFETIME_MODEL, OFFER_MODEL, SEGMENT_MODEL, ModelRun

_PURPOSE = {
    **{
        name: f"The probability that a {plan_type} subscription on the network leaves within the horizon of the label."
        for plan_type, name in CHURN_MODELS.items()
    },
    SEGMENT_MODEL: "Groups of customers who behave alike, named by what sets them apart from the others.",
    LIFETIME_MODEL: "The discounted margin that a subscription will yet bring, with an interval.",
    OFFER_MODEL: "By how much a contact with an offer lowers the probability of leaving, and whom to contact.",
}
_CHURN_LIMITS = (
    "Subscriptions too new to be judged have no probability; a missing one is not a low one.",
    "It was measured on months after those it learnt from. A tariff, rival or rule that it has not seen makes it"
    " worse before that shows: `model_drift` says what has shifted, `churn_backtest` how it did month by month.",
    "A reason says what the model reacts to, not what would change the customer's mind: that is for the response to"
    " offers.",
)
_LIMITS = {
    CHURN_MODELS["postpaid"]: _CHURN_LIMITS,
    CHURN_MODELS["prepaid"]: (
        *_CHURN_LIMITS,
        "It did not learn from lines silent beyond the limit (`is_silent`): they have left in all but name.",
    ),
    SEGMENT_MODEL: ("A cluster describes behaviour of one month; it says nothing of why, and nothing of value.",),
    LIFETIME_MODEL: (
        "The interval holds for sums over groups of customers; a single subscription lies outside it far more often.",
        "Margin follows the unit costs that the operator entered.",
    ),
    OFFER_MODEL: (
        "It knows offers that had a control group, and customers like those who were in one.",
        "An interval that covers nought means that no effect was shown, not that there is none.",
    ),
}
_METHOD = {
    "out_of_time": "Measured on feature dates after those it learnt from.",
    "cross_validation": "Measured by cross-validation, for want of months to hold out.",
}
# Told elsewhere on the card, or of no use to a reader.
_NOT_TOLD = {"inputs", "data_digest", "settings_digest", "promotion", "evaluation", "learnt_from_plan_types"}
# Measures of a churn model that the registry keeps among the parameters; profit after EMPC.
_DETAIL_MEASURES = ("calibrated_decile_count", "campaign_profit_amount", "profitable_contact_share")


def model_card(run: ModelRun, params: Params) -> str:
    """The card of a run as Markdown. Every figure is the run's own, as the registry has it."""
    details = run.details
    parts = [
        f"# {run.model_run_id}",
        _PURPOSE.get(run.model_name, ""),
        f"**{'In use' if run.is_champion else 'Not in use'}.** {_sentence(details.get('promotion'))}".rstrip(),
        "## Learnt from",
        _table(_learnt_from(run, params)),
        "## How good it is",
        _METHOD.get(str(details.get("evaluation")), "What was measured of it stands under what was found."),
        _table(_measures(run)),
        "## What it looks at",
        _features(run),
        "## What was found",
        _table(
            [(name, value) for name, value in sorted(details.items()) if name not in {*_NOT_TOLD, *_DETAIL_MEASURES}]
        ),
        "## Where not to trust it",
        "\n".join(f"- {text}" for text in (*_pooled(run), *_LIMITS.get(run.model_name, ()))),
        "## How it is known again",
        _table(
            [
                ("model_sha256", run.model_sha256),
                ("feature_digest", run.feature_digest),
                ("data_digest", details.get("data_digest")),
                ("settings_digest", details.get("settings_digest")),
            ]
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _learnt_from(run: ModelRun, params: Params) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [
        ("as_of_date", run.as_of_date),
        ("feature dates", _between(run.train_from_date, run.train_to_date)),
        ("rows", run.train_row_count),
    ]
    if run.model_name in CHURN_MODELS.values():
        labels, details = params.labels, run.details
        kinds = " or ".join(name.removeprefix("label_").replace("_", " ") for name in details["label_columns"])
        rows += [
            ("plan types", ", ".join(details["learnt_from_plan_types"])),
            ("positive_rate", run.positive_rate),
            (
                "label",
                f"{kinds}: left within {labels.horizon_days} days, from {labels.gap_days} days after the feature date",
            ),
        ]
    return rows


def _pooled(run: ModelRun) -> tuple[str, ...]:
    """What is to be said of a churn model that had too few leavers of its own plan type to learn from them alone."""
    plan_types = run.details.get("learnt_from_plan_types", ())
    if len(plan_types) < 2:
        return ()
    return (
        f"Too few {run.details['plan_type']} lines have left for a model of their own: it learnt from lines of all plan"
        " types, each with its own label, and was measured on its own alone.",
    )


def _measures(run: ModelRun) -> list[tuple[str, Any]]:
    return [
        ("feature dates", _between(run.test_from_date, run.test_to_date)),
        ("rows", run.test_row_count),
        ("auc", run.auc),
        ("top_decile_lift", run.top_decile_lift),
        ("calibration_error", run.calibration_error),
        *((name, run.details.get(name)) for name in _DETAIL_MEASURES),
    ]


def _features(run: ModelRun) -> str:
    inputs = run.details.get("inputs")
    if not inputs:
        return f"{run.feature_count} columns."
    by_kind: dict[str, list[str]] = {}
    for name, kind in inputs:
        by_kind.setdefault(kind, []).append(f"`{name}`")
    lists = [f"{kind} ({len(names)}): {', '.join(names)}." for kind, names in sorted(by_kind.items())]
    return f"{run.feature_count} columns of `features.subscription_features`.\n\n" + "\n\n".join(lists)


def _between(first: Any, last: Any) -> str | None:
    return None if first is None else f"{first} to {last}"


def _sentence(text: Any) -> str:
    return f"{str(text)[0].upper()}{str(text)[1:]}." if text else ""


def _table(rows: list[tuple[str, Any]]) -> str:
    told = [(name, value) for name, value in rows if value is not None]
    if not told:
        return ""
    cells = [f"| {name} | {str(value).replace('|', chr(92) + '|')} |" for name, value in told]
    return "\n".join(["| | |", "|---|---|", *cells])
