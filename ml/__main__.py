"""`python -m ml train | score | backtest | models | explain SUBSCRIPTION_ID`: the models from the command line."""

from __future__ import annotations

import argparse
import json
import sys

from ml import pipeline
from ml.backtest import ALL, Measured, in_words
from tenure.errors import TenureError
from tenure.settings import get_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command and print one line per result; returns the exit status (0 done, 1 refused, 2 wrong use)."""
    parser = argparse.ArgumentParser(prog="python -m ml", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train")
    train.add_argument(
        "--allow-refusal",
        action="store_true",
        help="end with 0 although a model that was never trained cannot be yet: the day goes on without its scores",
    )
    commands.add_parser("score")
    commands.add_parser("backtest")
    commands.add_parser("models").add_argument("model_run_id", nargs="?")
    commands.add_parser("explain").add_argument("subscription_id")
    asked = parser.parse_args(arguments)
    command = asked.command
    try:
        settings = get_settings()
        if command == "train":
            missing = _tell_trained(pipeline.train_if_needed(settings))
            return 1 if missing and not asked.allow_refusal else 0
        if command == "score":
            result = pipeline.score(settings)
            bands = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result["bands"].items())
            print(f"scored {result['subscription_count']} subscriptions as of {result['as_of_date']}: {bands}")
            print(f"placed {result['customer_count']} customers, gave {result['reason_count']} reasons")
            print(
                f"valued {result['value_count']} subscriptions, judged {result['response_count']} possible contacts, "
                f"chose {result['chosen_count']}"
            )
            for name, count in result["unseen_values"].items():
                print(f"{count} values of {name} are new to the model and count as other")
            for run_id, words in result["drift"].items():
                print(f"{run_id}: {words or 'fits what it scores'}")
        elif command == "backtest":
            _tell_backtest(pipeline.backtest_if_needed(settings))
        elif command == "explain":
            print("\n".join(pipeline.explain(settings, asked.subscription_id)))
        elif asked.model_run_id is not None:
            print(pipeline.card(settings, asked.model_run_id), end="")
        else:
            for run in pipeline.models(settings):
                print(json.dumps(run, ensure_ascii=False))
    except TenureError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _tell_trained(results: dict[str, dict[str, object]]) -> bool:
    """A line for each model; returns whether one was refused and none is in use.

    A refused training with a model still in use is worth a warning only; with none, the command did not do its job.
    """
    for name, result in results.items():
        measures = [
            f", {key.replace('_', ' ')} {value}"
            for key, value in result.items()
            if key not in ("status", "reason") and value is not None
        ]
        print(f"{name}: {result['status']} ({result['reason']}){''.join(measures)}")
    return any(r["status"] == "refused" and not r.get("model_run_id") for r in results.values())


def _tell_backtest(results: dict[str, list[Measured] | None]) -> None:
    """A line for each month of each model."""
    for name, months in results.items():
        if months is None:
            print(f"{name}: kept (its back-test is that of the model in use)")
        for one in months or []:
            if one.slice_kind == ALL:
                print(f"{name} {in_words(one)}")
    if not results:
        print("no churn model is in use")


if __name__ == "__main__":
    sys.exit(main())
