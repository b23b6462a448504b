"""Commands of the models. They run `python -m ml`: the models build on this package, never the other way."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (train, score, backtest, models, explain):
        app.command()(command)


def run_models(*command: str) -> None:
    """Run `python -m ml COMMAND` to its end. Raises typer.Exit with its status when it fails."""
    done = subprocess.run([sys.executable, "-m", "ml", *command], check=False)
    if done.returncode != 0:
        raise typer.Exit(done.returncode)


def train() -> None:
    """Train the models when the landed data has a month they have not learnt from, or when one has drifted."""
    run_models("train")


def score() -> None:
    """Score every subscription on the network with the champion models; `tenure build` then publishes."""
    run_models("score")


def backtest() -> None:
    """How the churn models would have done in each of the newest months, knowing only the months before."""
    run_models("backtest")


def models(model_run_id: Annotated[str, typer.Argument(help="for the model card of this run")] = "") -> None:
    """Every model run, newest first, one JSON a line; with the id of a run, all about it for a reader."""
    run_models("models", *filter(None, [model_run_id]))


def explain(subscription_id: Annotated[str, typer.Argument(help="as in the marts")]) -> None:
    """Why a subscription on the network has the churn score that it has."""
    run_models("explain", "--", subscription_id)
