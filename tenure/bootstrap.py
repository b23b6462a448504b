"""Make the environments from their compiled pins: `python3 tenure/bootstrap.py pipeline|development|superset`.

Only the standard library is used, because this runs before anything is installed. uv does the work: the one on PATH,
else one fetched with pip into the environment. Each step can be interrupted; the next call goes on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV_VERSION = "0.13.9"
SUPPORTED = ((3, 11), (3, 12))

# name: (environment folder, pins, whether the project itself is installed in it)
ENVIRONMENTS = {
    "pipeline": (".venv", "requirements.txt", True),
    "development": (".venv", "requirements-dev.txt", True),
    "superset": (".venv-superset", "superset/requirements.txt", False),
    "dlt": (".venv-dlt", "benchmarks/requirements-dlt.txt", False),
}


class SetupFailed(Exception):
    """One line that says what is missing and how to get it."""


def ensure(name: str, say=print) -> Path:  # type: ignore[no-untyped-def]
    """Make the environment of this name if its pins are not installed yet. Returns its folder.

    Raises SetupFailed with one line when it cannot be made.
    """
    folder, pins, with_project = ENVIRONMENTS[name]
    environment, requirements = ROOT / folder, ROOT / pins
    stamp = environment / f".tenure-{name}"
    wanted = hashlib.sha256(requirements.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and (environment / "bin" / "python").exists():
        return environment
    if sys.version_info[:2] not in SUPPORTED:
        raise SetupFailed(
            f"Python {sys.version_info[0]}.{sys.version_info[1]} cannot be used: "
            "install Python 3.11 or 3.12 and run make with PYTHON=python3.11"
        )
    started = time.monotonic()
    say(f"setting up {folder} from {pins}")
    uv = _uv(environment)
    if not (environment / "bin" / "python").exists():
        _create(environment, uv)
    _install(uv, environment, ["-r", str(requirements)])
    if with_project:
        _install(uv, environment, ["--no-deps", "-e", str(ROOT)])
    stamp.write_text(wanted)
    say(f"{folder} is ready ({time.monotonic() - started:.0f} s)")
    return environment


def _create(environment: Path, uv: str) -> None:
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], f"cannot create {environment.name}")


def _uv(environment: Path) -> str:
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    own = ROOT / ".venv" / "bin" / "uv"
    if own.exists():
        return str(own)
    pipeline = ROOT / ".venv"
    if not (pipeline / "bin" / "pip").exists():
        if subprocess.run([sys.executable, "-m", "ensurepip", "--version"], capture_output=True).returncode != 0:
            raise SetupFailed("Python's venv module is incomplete: install it, e.g. `apt-get install python3-venv`")
        _run([sys.executable, "-m", "venv", str(pipeline)], "cannot create .venv")
    # uv's own wheel is kept, so that a later clone can be set up with the network off.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenure" / f"uv-{UV_VERSION}"
    pip = [str(pipeline / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    if not list(cache.glob("uv-*.whl")):
        cache.mkdir(parents=True, exist_ok=True)
        _run(
            [*pip, "download", "--no-deps", "--dest", str(cache), f"uv=={UV_VERSION}"],
            "uv cannot be fetched with pip: check the network, or install uv yourself",
        )
    _run([*pip, "install", "--no-index", "--find-links", str(cache), f"uv=={UV_VERSION}"], "uv cannot be installed")
    return str(own)


def _install(uv: str, environment: Path, what: list[str]) -> None:
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(environment / "bin" / "python")]
    # The cache first: it is quicker, and it is all there is when the network is off.
    offline = subprocess.run([*command, "--offline", *what], capture_output=True, check=False)
    if offline.returncode != 0:
        failure = f"the packages of {environment.name} cannot be installed: check the network and the disk"
        _run([*command, *what], failure)


def _run(command: list[str], failure: str) -> None:
    # uv, like pip, is to trust the certificates that this machine trusts (the second name is that of older versions).
    environment = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1", **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()]
        raise SetupFailed(f"{failure} ({lines[-1].strip() if lines else f'exit status {done.returncode}'})")


def main() -> int:
    """Entry point of the command line."""
    names = sys.argv[1:]
    if not names or any(name not in ENVIRONMENTS for name in names):
        print(f"usage: bootstrap.py {'|'.join(ENVIRONMENTS)} ...", file=sys.stderr)
        return 2
    try:
        for name in names:
            ensure(name, say=lambda line: print(line, flush=True))
    except SetupFailed as failure:
        print(f"tenure: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tenure: interrupted; the next call goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
