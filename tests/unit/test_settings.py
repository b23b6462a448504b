"""Settings come from the environment or `.env`, once; what cannot be used is one line."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tenure.errors import TenureError
from tenure.ports import ReservedPorts
from tenure.secrets_file import Secrets
from tenure.settings import ROOT, get_settings


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in list(os.environ):
        if name.startswith("TENURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TENURE_ENV_FILE", str(tmp_path / ".env"))
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


def test_defaults_need_no_environment(environment) -> None:
    settings = get_settings()
    assert settings.home == ROOT / ".tenure"
    assert settings.is_embedded
    assert settings.bind_address == "127.0.0.1"


def test_env_file_is_read_and_the_environment_wins(environment, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TENURE_TIME_ZONE=Europe/Paris\nTENURE_MONTH_CLOSE_DAYS=9\n")
    environment.setenv("TENURE_MONTH_CLOSE_DAYS", "3")
    settings = get_settings()
    assert (settings.time_zone, settings.month_close_days) == ("Europe/Paris", 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TENURE_TIME_ZONE", "Mars/Olympus"),
        ("TENURE_POSTGRES_PORT", "80"),
        ("TENURE_MONTH_CLOSE_DAYS", "many"),
        ("TENURE_MAIL_TO", "board@operator.example, the board"),
        ("TENURE_MAIL_FROM", "one@operator.example, two@operator.example"),
        ("TENURE_MAIL_SECURITY", "perhaps"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(environment, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(TenureError, match=name):
        get_settings()


def test_a_mail_password_does_not_cross_the_network_in_clear(environment) -> None:
    environment.setenv("TENURE_MAIL_PASSWORD", "canary-of-the-mail-server")
    assert get_settings().mail_security == "starttls"
    get_settings.cache_clear()
    environment.setenv("TENURE_MAIL_SECURITY", "none")
    with pytest.raises(TenureError, match="TENURE_MAIL_PASSWORD") as refused:
        get_settings()
    assert "canary" not in str(refused.value)


def test_mails_have_readers_only_with_a_server(environment) -> None:
    environment.setenv("TENURE_MAIL_TO", "board@operator.example,cfo@operator.example")
    assert get_settings().mail_receivers("en") == ""
    get_settings.cache_clear()
    environment.setenv("TENURE_MAIL_HOST", "smtp.operator.example")
    assert get_settings().mail_receivers("en") == "board@operator.example, cfo@operator.example"
    assert get_settings().mail_receivers("zh") == ""


def test_wrong_setting_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tenure", "doctor"],
        env={**os.environ, "TENURE_TIME_ZONE": "Mars/Olympus", "TENURE_ENV_FILE": os.devnull},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "TENURE_TIME_ZONE" in done.stderr


def test_external_server_url_gives_each_role_its_own_login(environment, tmp_path: Path) -> None:
    environment.setenv("TENURE_HOME", str(tmp_path))
    environment.setenv("TENURE_DATABASE_URL", "postgresql://boss:pw@db.example:6432/warehouse?sslmode=require")
    settings = get_settings()
    assert settings.url("owner") == "postgresql://boss:pw@db.example:6432/warehouse?sslmode=require"
    url = settings.url("analyst")
    assert url.startswith("postgresql://tenure_analyst:")
    assert url.endswith("@db.example:6432/warehouse?sslmode=require")
    assert settings.url("airflow").endswith("@db.example:6432/airflow?sslmode=require")


def test_secrets_are_generated_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = Secrets(path).get("token_key")
    assert Secrets(path).get("token_key") == first
    assert Secrets(path).get("archive_key") != first
    assert len(first) >= 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_processes_asking_at_once_get_the_same_secret(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from tenure.secrets_file import Secrets;"
        f"print(Secrets(Path({str(tmp_path / 'secrets.json')!r})).get('token_key'))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(6)
    ]
    assert len({process.communicate()[0] for process in running}) == 1


def test_busy_port_is_replaced_and_the_new_one_remembered(tmp_path: Path) -> None:
    ports = ReservedPorts(tmp_path / "ports.json")
    first = ports.get("postgres")
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        second = ports.replace_if_busy("postgres")
    assert second != first
    assert ports.get("postgres") == second
    assert json.loads((tmp_path / "ports.json").read_text()) == {"postgres": second}
