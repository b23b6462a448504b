"""Every setting, read once from the environment or `.env`, in one typed object."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tenure.errors import TenureError
from tenure.ports import ReservedPorts
from tenure.secrets_file import Secrets

ROOT = Path(__file__).resolve().parent.parent

Role = Literal["owner", "loader", "transformer", "scorer", "dashboard", "retention", "analyst", "vault"]
ROLES: tuple[Role, ...] = get_args(Role)
# A login of a regional manager (superset/roles.yaml).
REGIONAL_LOGIN = re.compile(r"region_[a-z][a-z0-9_]{0,30}")
ADDRESS = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")
SERVICE_DATABASES = ("airflow", "superset")

Port = Annotated[int, Field(ge=1024, le=65535)]


class Settings(BaseSettings):
    """Typed settings; each field is the variable `TENURE_<FIELD>` of the environment or of `.env`."""

    model_config = SettingsConfigDict(env_prefix="TENURE_", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = ROOT / ".tenure"
    database_url: str | None = None
    postgres_dir: Path | None = None
    superset_venv: Path = ROOT / ".venv-superset"
    time_zone: str = "Asia/Shanghai"
    month_close_days: int = Field(default=5, ge=0, le=60)
    archive_days: int = Field(default=400, ge=1)
    reject_days: int = Field(default=400, ge=1)
    held_days: int = Field(default=400, ge=1)
    vault_days: int = Field(default=30, ge=0)
    backup_passphrase: SecretStr | None = None
    extracts: str | None = None
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    mail_host: str | None = None
    mail_port: int = Field(default=587, ge=1, le=65535)
    mail_security: Literal["starttls", "tls", "none"] = "starttls"
    mail_user: str | None = None
    mail_password: SecretStr | None = None
    mail_from: str | None = None
    mail_to: str | None = None
    mail_to_zh: str | None = None
    dashboards_url: str | None = None
    bind_address: str = "127.0.0.1"
    postgres_port: Port | None = None
    airflow_port: Port | None = None
    superset_port: Port | None = None
    dbt_threads: int = Field(default=4, ge=1, le=64)
    landing_workers: int = Field(default=2, ge=1, le=64)
    demo_subscriptions: int = Field(default=2500, ge=50)
    demo_months: int = Field(default=15, ge=12)
    demo_days: int = Field(default=10, ge=1, le=27)
    demo_seed: int = 7

    @field_validator("home", "superset_venv", "postgres_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (keeps symlinks)

    @field_validator("s3_endpoint")
    @classmethod
    def _plain_endpoint(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value is not None and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc):
            raise ValueError("it is not an address such as https://store.example:9000, without credentials")
        return value

    @field_validator("mail_from", "mail_to", "mail_to_zh")
    @classmethod
    def _addresses(cls, value: str | None, info: ValidationInfo) -> str | None:
        split = [value] if info.field_name == "mail_from" else (value or "").split(",")
        parts = [] if value is None else [str(part).strip() for part in split]
        if wrong := [part for part in parts if not ADDRESS.fullmatch(part)]:
            raise ValueError(f"{wrong[0]!r} is not an address such as board@operator.example")
        return ", ".join(parts) or None

    @field_validator("mail_password")
    @classmethod
    def _not_in_clear(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and info.data.get("mail_security") == "none":
            raise ValueError("with TENURE_MAIL_SECURITY=none it would cross the network in clear")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not a time zone name such as Asia/Shanghai")
        return value

    @property
    def root(self) -> Path:
        """The checkout."""
        return ROOT

    @property
    def zone(self) -> ZoneInfo:
        """The operator's time zone: business days and months are days and months of this zone."""
        return ZoneInfo(self.time_zone)

    @property
    def extracts_dir(self) -> Path:
        """The folder where the operator's extracts arrive unless TENURE_EXTRACTS says otherwise."""
        return self.home / "extracts"

    @property
    def extracts_location(self) -> Path | str:
        """Where the operator's extracts arrive: a folder, or an address such as s3://bucket/prefix."""
        if self.extracts is None:
            return self.extracts_dir
        return self.extracts if "://" in self.extracts else Path(self.extracts).expanduser().absolute()

    @property
    def archive_dir(self) -> Path:
        """Encrypted copies of every delivered file."""
        return self.home / "archive"

    @property
    def spool_dir(self) -> Path:
        """What landing puts aside while it works; nothing stays there."""
        return self.home / "spool"

    @property
    def models_dir(self) -> Path:
        """Model files of the registry."""
        return self.home / "models"

    @property
    def logs_dir(self) -> Path:
        """Logs of everything that Tenure starts."""
        return self.home / "logs"

    @property
    def is_embedded(self) -> bool:
        """Whether Tenure runs its own Postgres (no TENURE_DATABASE_URL given)."""
        return self.database_url is None

    def mail_receivers(self, language: str) -> str:
        """Who gets alerts and reports in this language: addresses with commas; empty when nothing is sent."""
        to = {"en": self.mail_to, "zh": self.mail_to_zh}.get(language)
        return to if to and self.mail_host else ""

    @property
    def secrets(self) -> Secrets:
        """The generated secrets, kept in `home/secrets.json` (mode 0600)."""
        return Secrets(self.home / "secrets.json")

    def secret(self, name: str) -> str:
        """The secret of this name that is in use, made at first use."""
        return self.secrets.get(name)

    def password(self, login: str) -> str:
        """The password of a warehouse login; those of regional managers follow from one secret.

        So a manager is added without giving every container another secret.
        """
        if not REGIONAL_LOGIN.fullmatch(login):
            return self.secret(f"postgres_{login}")
        made = hmac.digest(self.secret("postgres_regional").encode(), login.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    def port(self, service: str) -> int:
        """The TCP port of `postgres`, `airflow`, `superset` or a named helper service.

        A port set by the operator is used as it is; otherwise a free one is chosen once and remembered.
        """
        fixed: int | None = getattr(self, f"{service}_port", None)
        if fixed is not None:
            return fixed
        return ReservedPorts(self.home / "ports.json").get(service)

    def url(self, role: str) -> str:
        """The connection URL of a warehouse login, or of the `airflow` or `superset` metadata database."""
        if role not in (*ROLES, *SERVICE_DATABASES) and not REGIONAL_LOGIN.fullmatch(role):
            raise ValueError(f"unknown database role {role!r}")
        if self.database_url is None:
            base = f"postgresql://{self.bind_host}:{self.port('postgres')}/tenure"
        else:
            base = self.database_url
        parts = urlsplit(base)
        if role == "owner" and self.database_url is not None:
            return base
        host = parts.hostname or "127.0.0.1"
        netloc = f"tenure_{role}:{quote(self.password(role), safe='')}@{host}"
        if parts.port:
            netloc += f":{parts.port}"
        path = f"/{parts.path.lstrip('/')}" if role not in SERVICE_DATABASES else f"/{role}"
        return urlunsplit(("postgresql", netloc, path, parts.query, ""))

    @property
    def bind_host(self) -> str:
        """The address that clients on this machine use."""
        return "127.0.0.1" if self.bind_address in ("0.0.0.0", "::") else self.bind_address  # noqa: S104 (compared)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process. Raises TenureError with one line when a variable cannot be used."""
    env_file = os.environ.get("TENURE_ENV_FILE", str(ROOT / ".env"))
    try:
        return Settings(_env_file=env_file)
    except ValidationError as error:
        first = error.errors()[0]
        name = "TENURE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise TenureError(
            f"{name} cannot be used: {first['msg']}", hint="correct it in the environment or in .env", exit_code=2
        ) from None
