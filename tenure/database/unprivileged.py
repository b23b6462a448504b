"""Running Postgres as an unprivileged user when Tenure itself runs as root, which Postgres refuses to do."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from tenure.errors import TenureError

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Identity:
    """The user and group that the server's processes run as."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, object]:
        """Keyword arguments of `subprocess` that switch to this identity (none when it is our own)."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_identity() -> Identity:
    """Our own identity, or an unprivileged one when we are root."""
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid())
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(entry.pw_uid, entry.pw_gid)
    raise TenureError(
        "Postgres cannot run as root and there is no user postgres or nobody", hint="run as a plain user instead"
    )


def can_traverse(path: Path, identity: Identity) -> bool:
    """Whether this identity may enter every existing folder above `path`, and `path` itself."""
    for folder in (path, *path.parents):
        if not folder.exists():
            continue
        status = folder.stat()
        if status.st_uid == identity.uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == identity.gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def shared_folder(home: Path) -> Path:
    """A folder outside `home` that an unprivileged server can reach, one for each `home`."""
    return Path("/var/tmp") / f"tenure-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"  # noqa: S108 (own 0711 folder)


def reachable_binaries(installed: Path, home: Path, identity: Identity) -> Path:
    """The folder of the server's programs, copied out of a private folder where the server could not enter it."""
    if can_traverse(installed / "bin", identity):
        return installed
    copy = shared_folder(home) / installed.name
    if not (copy / "bin" / "postgres").exists():
        unfinished = copy.with_name(copy.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        shutil.copytree(installed, unfinished, symlinks=True)
        unfinished.rename(copy)
    return copy
