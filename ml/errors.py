"""Refusals of the models: each says in one line what was refused and why."""

from __future__ import annotations

from tenure.errors import TenureError


class LeakageError(TenureError):
    """A column that is known only after the outcome was among the features.

    `column` names it, `reason` says what gave it away.
    """

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(
            f"feature {column!r} is refused as leakage: {reason}",
            hint="take it out of the features, or list it under leakage.allowed in ml/params.yaml and say why",
        )
        self.column = column
        self.reason = reason


class FeatureContractError(TenureError):
    """The feature table does not fit the model: a column is missing, twice there or of another kind."""


class TrainingRefused(TenureError):
    """The data cannot carry a model (no rows, one class, too few leavers). The last good model stays."""


class ModelFileError(TenureError):
    """A model file is missing, changed, foreign or holds types that are not trusted. It was not loaded."""
