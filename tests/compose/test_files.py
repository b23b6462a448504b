"""docker-compose.yml, the images and .env.example: that they parse, fit each other, and let nobody in by default."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tenure.settings import Settings
from tests.compose.shape import COMPOSE_FILE, ENV_EXAMPLE, ROOT, MissingVariable, load_compose, references

COMPOSE_TEXT = COMPOSE_FILE.read_text(encoding="utf-8")
REQUIRED = sorted(name for name, operator in references(COMPOSE_TEXT).items() if operator == ":?")
ONE_SHOT = ("prepare", "install-dashboards")
EXPECTED = {
    "postgres", "redis", *ONE_SHOT, "airflow-api-server", "airflow-scheduler", "airflow-dag-processor",
    "airflow-triggerer", "airflow-worker", "superset-web", "superset-worker", "superset-beat",
}  # fmt: skip


def documented() -> set[str]:
    """The variables of .env.example, set or commented out."""
    return set(re.findall(r"(?m)^#?([A-Z][A-Z0-9_]*)=", ENV_EXAMPLE.read_text(encoding="utf-8")))


@pytest.fixture
def variables() -> dict[str, str]:
    """A value for every variable that has no default."""
    return {name: f"value-of-{name.lower()}" for name in REQUIRED}


@pytest.fixture
def services(variables: dict[str, str]) -> dict[str, Any]:
    """The services with all variables resolved."""
    found: dict[str, Any] = load_compose(variables)["services"]
    return found


def test_the_production_shape_is_complete(services: dict[str, Any]) -> None:
    assert set(services) == EXPECTED


def test_every_reference_inside_the_file_exists(variables: dict[str, str]) -> None:
    compose = load_compose(variables)
    for name, service in compose["services"].items():
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith(("./", "/")) or source in compose["volumes"], (name, source)
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][other], (name, other)
            else:
                assert other in ONE_SHOT, (name, other)


def test_long_running_services_have_a_health_check_and_start_again(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no", name
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name


def test_images_are_built_from_files_that_exist(services: dict[str, Any]) -> None:
    dockerfiles = {service["build"]["dockerfile"] for service in services.values() if "build" in service}
    assert dockerfiles == {"docker/Dockerfile.pipeline", "docker/Dockerfile.superset"}
    allowed = re.findall(r"(?m)^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"))
    for dockerfile in dockerfiles:
        text = (ROOT / dockerfile).read_text(encoding="utf-8")
        sources = [word for line in re.findall(r"(?m)^COPY (.+)$", text) for word in line.split()[:-1]]
        assert sources, dockerfile
        for source in sources:
            assert (ROOT / source).exists(), (dockerfile, source)
            assert source.split("/")[0] in allowed, f"{source} is kept out of the image by .dockerignore"
        assert re.search(r"(?m)^USER tenure$", text), f"{dockerfile} runs as root"


@pytest.mark.parametrize("missing", REQUIRED)
def test_nothing_starts_without_each_secret(variables: dict[str, str], missing: str) -> None:
    del variables[missing]
    with pytest.raises(MissingVariable, match=missing):
        load_compose(variables)


def test_no_secret_is_written_in_the_file() -> None:
    for line in COMPOSE_TEXT.splitlines():
        found = re.match(r"\s+([A-Z_]*(?:SECRET|PASSWORD)[A-Z_]*):\s*(.+)", line)
        if found:
            assert re.fullmatch(r"\$\{[A-Z_]+:(\?.+|-)\}", found[2]), line.strip()
    assert not re.search(r":[^/@\s{}$]+@(postgres|redis)", COMPOSE_TEXT), "a password is part of an address"


def test_only_loopback_is_open_by_default(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {
        "airflow-api-server": ["127.0.0.1:8080:8080"],
        "superset-web": ["127.0.0.1:8088:8088"],
    }


def test_only_the_one_shot_step_knows_the_owner(services: dict[str, Any], variables: dict[str, str]) -> None:
    owner = variables["TENURE_SECRET_POSTGRES_OWNER"]
    knowing = {name for name, service in services.items() if owner in str(service.get("environment"))}
    assert knowing == {"postgres", "prepare"}


def test_dashboards_cannot_reach_raw_data(services: dict[str, Any], variables: dict[str, str]) -> None:
    for name in ("superset-web", "superset-worker", "superset-beat", "install-dashboards"):
        for role in ("LOADER", "TRANSFORMER", "SCORER"):
            assert variables[f"TENURE_SECRET_POSTGRES_{role}"] not in str(services[name]["environment"]), (name, role)


def test_every_variable_is_documented() -> None:
    settings = {f"TENURE_{name.upper()}" for name in Settings.model_fields}
    known = documented()
    assert set(references(COMPOSE_TEXT)) <= known
    assert settings <= known
    assert known == settings | set(references(COMPOSE_TEXT)) | {"TENURE_ENV_FILE"}, "documented, but nobody reads it"


def test_documented_defaults_are_the_real_ones() -> None:
    text = ENV_EXAMPLE.read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        shown = re.search(rf"(?m)^#TENURE_{name.upper()}=(.+)$", text)
        if shown and not name.endswith("_port"):
            assert shown[1] == str(field.default), name


def test_a_new_env_file_has_every_secret_and_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_bytes(ENV_EXAMPLE.read_bytes())
    command = [sys.executable, "-c", (
        "import runpy, sys, pathlib; module = runpy.run_path(sys.argv[1]);"
        " raise SystemExit(module['main'](pathlib.Path(sys.argv[2])))"
    ), str(ROOT / "docker" / "new_env.py"), str(tmp_path)]  # fmt: skip
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    written = (tmp_path / ".env").read_text(encoding="utf-8")
    values = dict(re.findall(r"(?m)^([A-Z][A-Z0-9_]*)=(.*)$", written))
    assert set(REQUIRED) <= set(values)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{64,}", value) for value in values.values())
    assert len(set(values.values())) == len(values)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    load_compose(values)
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1 and "left as it is" in second.stderr
    assert (tmp_path / ".env").read_text(encoding="utf-8") == written


def test_the_dashboard_step_imports_only_what_its_image_installs() -> None:
    text = (ROOT / "docker" / "Dockerfile.superset").read_text(encoding="utf-8")
    installed = re.search(r"--constraint requirements.txt (.+)", text)
    assert installed
    names = {word.strip('"').split("[")[0] for word in installed[1].split()}
    program = """
import importlib.metadata as metadata, re, sys
import tenure.orchestration.serve, tenure.dashboards
waiting, closure = sys.argv[1:], set()
while waiting:
    name = re.split(r"[\\s\\[;<>=!~(]", waiting.pop())[0].lower().replace("_", "-")
    if name and name not in closure:
        closure.add(name)
        try:
            waiting += metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pass
owners = metadata.packages_distributions()
roots = {name.split(".")[0] for name in sys.modules} & set(owners)
for root in sorted(roots - {"tenure"}):
    if not {owner.lower().replace("_", "-") for owner in owners[root]} & closure:
        print(root)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *names], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.split() == [], "imported by tenure.dashboards, but not installed in the Superset image"
