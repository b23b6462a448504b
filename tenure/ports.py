"""Ports that are free when first asked for, and remembered, so that two checkouts run side by side."""

from __future__ import annotations

import fcntl
import hashlib
import json
import socket
import sys
from pathlib import Path

PREFERRED = {"postgres": 54330, "airflow": 8080, "superset": 8088}
HIGHEST_PORT = 65535


def is_port_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def claim(port: int, home: Path) -> bool:
    """Whether this home may start a server on the port: not while another home, started just now, is about to.

    Between choosing a port and listening on it lie many seconds. A claim fills them: a name in Linux's abstract socket
    namespace, which belongs to one process, spans users, and goes when the process goes. Elsewhere always true.
    """
    if sys.platform != "linux":
        return True
    name = f"\0tenure-port-{port}"
    owned = f"{name}-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]}"
    first, second = _bound(name), _bound(owned)
    if first is not None and second is not None:
        # Left open on purpose: a claim lasts as long as the process that made it.
        first.detach()
        second.detach()
        return True
    for taken in (first, second):
        if taken is not None:
            taken.close()
    # Both held: another process of this very home made the claim.
    return first is None and second is None


def _bound(name: str) -> socket.socket | None:
    taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        taken.bind(name)
    except OSError:
        taken.close()
        return None
    return taken


class ReservedPorts:
    """Ports by service name in a JSON file; the first free one from the preferred port upwards is taken."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, service: str) -> int:
        """The port of this service, chosen now if it has none yet."""
        return self._locked(service, replace_busy=False)

    def replace_if_busy(self, service: str) -> int:
        """The port of this service; another one if somebody else listens on it now. Call before starting it."""
        return self._locked(service, replace_busy=True)

    def _locked(self, service: str, replace_busy: bool) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (self.path.parent / ".ports.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known: dict[str, int] = json.loads(self.path.read_text()) if self.path.exists() else {}
            if service in known and (not replace_busy or self._is_ours(known[service])):
                return known[service]
            taken = set(known.values())
            start = PREFERRED.get(service, 18000)
            port = next(p for p in range(start, HIGHEST_PORT) if p not in taken and self._is_ours(p))
            known[service] = port
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(known, indent=1))
            new.replace(self.path)
            return port

    def _is_ours(self, port: int) -> bool:
        return is_port_free(port) and claim(port, self.path.parent)
