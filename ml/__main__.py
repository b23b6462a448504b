"""`python -m ml train | score | models | explain SUBSCRIPTION_ID`: the models from the command line."""

from __future__ import annotations

import argparse
import json
import sys

from ml import pipeline
from tenure.errors import TenureError
from tenure.settings import get_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command and print one line per result; returns the exit status (0 done, 1 refused, 2 wrong use)."""
    parser = argparse.ArgumentParser(prog="python -m ml", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("train", "score", "models"):
        commands.add_parser(name)
    commands.add_parser("explain").add_argument("subscription_id")
    asked = parser.parse_args(arguments)
    command = asked.command
    try:
        settings = get_settings()
        if command == "train":
            return _train(pipeline.train_if_needed(settings))
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
        elif command == "explain":
            print("\n".join(pipeline.explain(settings, asked.subscription_id)))
        else:
            for run in pipeline.models(settings):
                print(json.dumps(run, ensure_ascii=False))
    except TenureError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _train(results: dict[str, dict[str, object]]) -> int:
    for name, result in results.items():
        line = f"{name}: {result['status']} ({result['reason']})"
        if result.get("model_run_id"):
            line += f", model {result['model_run_id']}"
        if result.get("auc") is not None:
            line += f", AUC {result['auc']}, top-decile lift {result['top_decile_lift']}"
        print(line)
    # A refused training with a model still in use is worth a warning only; with none, the command did not do its job.
    missing = [r for r in results.values() if r["status"] == "refused" and not r.get("model_run_id")]
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
