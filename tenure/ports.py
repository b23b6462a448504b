"""Ports that are free when first asked for, and remembered, so that two checkouts run side by side."""

from __future__ import annotations

import fcntl
import json
import socket
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
            if service in known and not (replace_busy and not is_port_free(known[service])):
                return known[service]
            taken = set(known.values())
            start = PREFERRED.get(service, 18000)
            port = next(p for p in range(start, HIGHEST_PORT) if p not in taken and is_port_free(p))
            known[service] = port
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(known, indent=1))
            new.replace(self.path)
            return port
