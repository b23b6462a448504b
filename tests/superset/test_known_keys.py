"""Superset does not start with a key that others know, or in debug mode."""

from __future__ import annotations

import json
import subprocess

from tenure.dashboards.web import interpreter
from tenure.settings import ROOT, Settings

# Of Superset's own releases, its images, its documents and what people made of them.
KNOWN = (
    "",
    "admin",
    "secret",
    "\x02\x01thisismyscretkey\x01\x02\\e\\y\\y\\h",
    "thisISaSECRET_1234",
    "TEST_NON_DEV_SECRET",
    "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",
    "CHANGE_ME_SECRET_KEY_CHANGE_ME_SECRET_KEY",
    "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
    "a" * 64,
)
GOOD = "kR3vQ9xW1mZ7pT5nB8cL2dF6gH4jS0yUeAoIqXwVtYzM"
# One process for all: importing Superset takes seconds.
TRY_ALL = """
import json, os, runpy, sys
for key, debug in json.load(sys.stdin):
    os.environ["SUPERSET_SECRET_KEY"], os.environ["FLASK_DEBUG"] = key, debug
    try:
        runpy.run_path(sys.argv[1])
        print("starts")
    except SystemExit as refusal:
        print(f"refused: {refusal}")
"""


def test_known_keys__do_not_start(settings: Settings) -> None:
    tries = [*((key, "0") for key in KNOWN), (GOOD, "1"), (GOOD, "0")]
    done = subprocess.run(
        [str(interpreter(settings)), "-c", TRY_ALL, str(ROOT / "superset" / "superset_config.py")],
        input=json.dumps(tries),
        env={"PATH": "/usr/bin:/bin", "SUPERSET_METADATA_URL": "postgresql://nobody@127.0.0.1/none"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("starts", "refused"))]
    assert len(lines) == len(tries), done.stderr[-500:]
    assert all(line.startswith("refused: SUPERSET_SECRET_KEY") for line in lines[: len(KNOWN)]), lines
    assert lines[len(KNOWN)].startswith("refused: Superset does not start in debug mode")
    assert lines[-1] == "starts"
