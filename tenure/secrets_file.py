"""Generated secrets, kept in one file that only its owner can read."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path


class Secrets:
    """Secrets by name in a JSON file of mode 0600; a missing one is generated at first use (64 URL-safe bytes)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, name: str) -> str:
        """The secret of this name. An environment variable TENURE_SECRET_<NAME> wins, for servers that inject them."""
        from_environment = os.environ.get(f"TENURE_SECRET_{name.upper()}")
        if from_environment:
            return from_environment
        with suppress(FileNotFoundError):
            known = json.loads(self.path.read_text())
            if name in known:
                return str(known[name])
        return self._generate(name)

    def _generate(self, name: str) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Two processes may ask for the first time at once: the lock lets one generate and the other read.
        with (self.path.parent / ".secrets.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = json.loads(self.path.read_text()) if self.path.exists() else {}
            if name not in known:
                known[name] = secrets.token_urlsafe(64)
                new = self.path.with_suffix(".new")
                descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "w") as stream:
                    json.dump(known, stream, indent=1)
                    stream.flush()
                    os.fsync(stream.fileno())
                new.replace(self.path)
            return str(known[name])
