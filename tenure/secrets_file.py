"""Generated secrets, kept in one file that only its owner can read."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def key_id(secret: str) -> str:
    """Eight hexadecimal digits that name a secret without telling it: they stand beside what it encrypted."""
    return hashlib.sha256(b"tenure key id " + secret.encode()).hexdigest()[:8]


class Secrets:
    """Secrets by name in a JSON file of mode 0600; a missing one is generated at first use (64 URL-safe bytes).

    While a secret is being replaced it has two generations: the one in use, and `<name>.next`, which takes its place
    when everything has moved to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, name: str) -> str:
        """The secret of this name. An environment variable TENURE_SECRET_<NAME> wins, for servers that inject them."""
        return _from_environment(name) or self._read().get(name) or self._generate(name)

    def next(self, name: str) -> str | None:
        """The secret that is going to replace it (TENURE_SECRET_<NAME>_NEXT wins), or None."""
        return _from_environment(f"{name}_next") or self._read().get(f"{name}.next")

    def generations(self, name: str) -> dict[str, str]:
        """Key id to secret of the one in use and of the next one, if there is one."""
        return {key_id(secret): secret for secret in (self.get(name), self.next(name)) if secret}

    def prepare_next(self, name: str) -> str:
        """The next secret; generated if there is none yet."""
        return self.next(name) or self._generate(f"{name}.next")

    def is_injected(self, name: str) -> bool:
        """Whether the secret comes from the environment, so that only the operator can replace it."""
        return _from_environment(name) is not None

    def promote(self, name: str) -> None:
        """The next secret takes the place of the one in use, which is forgotten."""
        with self._lock():
            known = self._read()
            known[name] = known.pop(f"{name}.next")
            self._write(known)

    def put(self, known: dict[str, str]) -> None:
        """Keep these secrets: of a backup, in a home that has none."""
        with self._lock():
            self._write({**self._read(), **known})

    def _read(self) -> dict[str, str]:
        try:
            return {name: str(value) for name, value in json.loads(self.path.read_text()).items()}
        except FileNotFoundError:
            return {}

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (self.path.parent / ".secrets.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _generate(self, name: str) -> str:
        # Two processes may ask for the first time at once: the lock lets one generate and the other read.
        with self._lock():
            known = self._read()
            if name not in known:
                known[name] = secrets.token_urlsafe(64)
                self._write(known)
            return known[name]

    def _write(self, known: dict[str, str]) -> None:
        new = self.path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(known, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self.path)


def _from_environment(name: str) -> str | None:
    return os.environ.get(f"TENURE_SECRET_{name.upper()}") or None
