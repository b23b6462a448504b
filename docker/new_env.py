"""Writes `.env` from `.env.example` with a fresh secret on every line that lacks a value: `python3 docker/new_env.py`.

Only the standard library is used. An existing `.env` is never overwritten: its secrets belong to existing data.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRET_BYTES = 64


def filled(example: str) -> str:
    """The text of the example with a random URL-safe secret after every `NAME=` that has no value."""
    return re.sub(r"(?m)^([A-Z][A-Z0-9_]*)=$", lambda line: f"{line[1]}={secrets.token_urlsafe(SECRET_BYTES)}", example)


def main(folder: Path = ROOT) -> int:
    """Write `folder/.env`, readable by its owner only. Returns the exit status."""
    target = folder / ".env"
    text = filled((folder / ".env.example").read_text(encoding="utf-8"))
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(f"{target} is there already and was left as it is", file=sys.stderr)
        return 1
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    print(f"wrote {target} with fresh secrets: keep a copy in a safe place")
    return 0


if __name__ == "__main__":
    sys.exit(main())
