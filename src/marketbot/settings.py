"""What an installation can set, read from the environment (prefix ``MARKETBOT_``) once, at start.

What is traded, and how, is not here: that is the policy in the database.
"""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from marketbot.cache.address import check_url
from marketbot.domain.egress import Egress
from marketbot.domain.notice import ChannelKind
from marketbot.domain.venue import Profile
from marketbot.mail.server import MailServer
from marketbot.people.email_address import read_email
from marketbot.store.embedded.data_dir import default_data_root
from marketbot.store.pool import POOL_SIZE_DEFAULT, POOL_SIZE_MAX
from marketbot.store.replicas import REPLICAS_MAX

ENGINE_POOL_SIZE_DEFAULT = 5
"""Half of what an engine could keep busy at times: server processes that work all the time keep their caches warm."""
PROCESSES_MAX = 32
"""Processes of a kind that one `marketbot up` starts; an address is divided among sixteen executors at most."""
MAX_EGRESS_ADDRESSES = 256
MAX_TRUSTED_PROXIES = 64
MAX_IN_FLIGHT_DEFAULT = 1_000
"""About as many reads as one process answers in half a second."""
BACKUP_EVERY_DEFAULT = timedelta(days=1)
BACKUP_EVERY_MIN = timedelta(minutes=5)
MAX_BACKUPS_KEPT = 400
RETAIN_ORDERS_DEFAULT = timedelta(days=400)
"""A year, and a month to look at it."""
RETAIN_ORDERS_MIN = timedelta(days=30)
RETAIN_REFUSALS_DEFAULT = timedelta(days=30)
RETAIN_CHUNKS_DEFAULT = timedelta(days=7)
RETAIN_JOBS_DEFAULT = timedelta(days=7)
RETAIN_MIN = timedelta(days=1)
ACCOUNTS_PER_USER_DEFAULT = 10
ACCOUNTS_PER_USER_MAX = 1_000
MEMORY_BOUND_MB_DEFAULT = 1024
MEMORY_BOUND_MB_MAX = 262_144
SECRETS_VARIABLE = "MARKETBOT_SECRETS_DIR"
"""A directory of files, each named like a variable in lower case (``database_url``, ``marketbot_operator_token``) and holding its
value: where containers are given secrets. A variable that is set goes before its file."""

KEK_VARIABLE = "MARKETBOT_KEK"
KEK_FILE_VARIABLE = "MARKETBOT_KEK_FILE"
KEK_VARIABLES = (KEK_VARIABLE, KEK_FILE_VARIABLE)
"""Where engines look for the key-encryption key (``vault.kek``). No field of ``Settings``: every process has those."""

_PERIOD = re.compile(r"(\d{1,6})([mhd])")
_BOT_TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}")
_PERIOD_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Role(StrEnum):
    """What a process of the engine does. Any number of processes may have each role."""

    PLANNER = "planner"
    EXECUTOR = "executor"
    """Sends the orders of the accounts it owns, and reconciles them: no account has two who act for it."""
    KEEPER = "keeper"
    """Does jobs: what no account's owner must do."""


class SignUp(StrEnum):
    """How people come to have an account."""

    INVITATION = "invitation"
    OPEN = "open"
    """Whoever confirms an e-mail address becomes a user."""


class LogFormat(StrEnum):
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class DatabaseTls(StrEnum):
    """How a database server elsewhere proves itself."""

    VERIFY_FULL = "verify-full"
    VERIFY_CA = "verify-ca"
    DISABLE = "disable"


class Settings(BaseSettings):
    """Lists are written with commas: ``MARKETBOT_EGRESS_ADDRESSES=203.0.113.7,203.0.113.8``."""

    model_config = SettingsConfigDict(env_prefix="MARKETBOT_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("database_url", "MARKETBOT_DATABASE_URL", "DATABASE_URL")
    )
    """A server of one's own; none means the embedded one."""
    replica_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        validation_alias=AliasChoices("replica_urls", "MARKETBOT_REPLICA_URLS", "REPLICA_URLS"),
        max_length=REPLICAS_MAX,
    )
    """Read replicas of that server; the API sends them the reads that may be a moment old."""
    database_tls: DatabaseTls | None = None
    """Less than a fully verified server elsewhere is connected to only if this says so; ``store.address`` reads the variable."""
    redis_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("redis_url", "MARKETBOT_REDIS_URL", "REDIS_URL")
    )
    """A shared store (Valkey, Redis) of one's own; none means that `marketbot up` runs an embedded one."""
    data_dir: Path = Field(default_factory=default_data_root)
    profile: Profile = Profile.LIVE
    simulator_ready_file: Path | None = None
    """Where a running simulator tells its ports; for the simulation profile only."""
    simulator_ca_file: Path | None = None
    egress_addresses: Annotated[tuple[Egress, ...], NoDecode] = ()
    """Ways out, in the order that accounts' egress numbers count: source addresses, or proxies (``http://user:pw@host:port``,
    ``socks5://...``). None means whatever the system picks."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65_535)
    api_processes: int = Field(default=1, ge=1, le=PROCESSES_MAX)
    """HTTP processes that `marketbot up` starts, on ports that follow ``api_port``."""
    engine_processes: int = Field(default=1, ge=1, le=PROCESSES_MAX)
    """Engine processes that it starts, on metrics ports that follow ``metrics_port``. They share the accounts."""
    api_max_in_flight: int = Field(default=MAX_IN_FLIGHT_DEFAULT, ge=10, le=10_000)
    """Requests that one API process serves at once; reads are turned away first, webhooks and what reduces risk last."""
    api_pool_size: int = Field(default=POOL_SIZE_DEFAULT, ge=1, le=POOL_SIZE_MAX)
    engine_pool_size: int = Field(default=ENGINE_POOL_SIZE_DEFAULT, ge=1, le=POOL_SIZE_MAX)
    front_door: bool = False
    """Whether `marketbot up` runs HAProxy at ``api_host`` and ``api_port``, and the HTTP processes behind it on loopback."""
    api_drain_s: float = Field(default=3.0, ge=0, le=60)
    """How long an API process that is asked to end (SIGTERM) answers "not ready" and goes on serving: longer than its balancer takes to
    notice, which is about a second for ours; in Kubernetes, as long as endpoints take to be forgotten."""
    accounts_per_user: int = Field(default=ACCOUNTS_PER_USER_DEFAULT, ge=1, le=ACCOUNTS_PER_USER_MAX)
    """Accounts that a user may connect themselves; an operator's import is not counted against it."""
    roles: Annotated[tuple[Role, ...], NoDecode] = (Role.PLANNER, Role.EXECUTOR, Role.KEEPER)
    """What an engine process does."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Networks whose ``X-Forwarded-For`` is believed."""
    operator_token: SecretStr | None = None
    """None means the token in the data directory's file, made on first use."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=9464, ge=0, le=65_535)
    """The engine's own metrics; the API serves its own under /metrics."""
    otlp_endpoint: str | None = None
    """A collector of OpenTelemetry traces (``http://127.0.0.1:4318``); needs the extra ``otel``. None: no traces."""

    notices_to_loopback: bool = False
    """Whether notices may be sent to this machine's own addresses, as to a relay that runs here; otherwise to the public internet alone."""

    public_url: str | None = None
    """Where people reach this installation (``https://bot.example``): links in e-mails begin with it, and https makes cookies secure."""
    smtp_url: SecretStr | None = None
    """The mail server: ``smtps://user:password@host``, or ``smtp://...`` for STARTTLS. None: links are shown to whoever makes them."""
    mail_from: str | None = None
    """Whom e-mails come from: an address."""
    sign_up: SignUp = SignUp.INVITATION

    telegram_token: SecretStr | None = None
    """Of the installation's bot, from @BotFather; none means that no channel leads to Telegram."""
    telegram_api: str = "https://api.telegram.org"
    """Where the bot's API is: Telegram's own, or a server of one's own (https; on this machine with ``notices_to_loopback``)."""

    backup_dir: Path | None = None
    """Where backups are put; none means ``backups`` in the data directory."""
    backup_key_file: Path | None = None
    """A file of 64 hexadecimal digits that backups are sealed with; none means that they are not."""
    backup_every: timedelta | None = None
    """Written ``30m``, ``6h``, ``1d`` or ``off``; unset, see ``backup_interval``."""
    backup_keep_daily: int = Field(default=7, ge=1, le=MAX_BACKUPS_KEPT)
    backup_keep_weekly: int = Field(default=4, ge=0, le=MAX_BACKUPS_KEPT)

    retain_orders: timedelta | None = RETAIN_ORDERS_DEFAULT
    """How long what accounts did about a settled signal is kept: decisions, orders, events, outcomes. Written like ``400d``, or ``off``
    for ever; so are the next three."""
    retain_refusals: timedelta | None = RETAIN_REFUSALS_DEFAULT
    retain_chunks: timedelta | None = RETAIN_CHUNKS_DEFAULT
    retain_jobs: timedelta | None = RETAIN_JOBS_DEFAULT
    memory_bound_mb: int = Field(default=MEMORY_BOUND_MB_DEFAULT, ge=0, le=MEMORY_BOUND_MB_MAX)
    """Resident mebibytes of an engine or API process; near it, the process ends in good order and is replaced. 0 means no bound."""

    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.JSON

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        directory = os.environ.get(SECRETS_VARIABLE)
        if not directory:
            return init_settings, env_settings
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=directory)

    @field_validator("database_url", "redis_url", "telegram_token", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        return value or None

    @field_validator("backup_every", "retain_orders", "retain_refusals", "retain_chunks", "retain_jobs", mode="before")
    @classmethod
    def _period(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value in ("", "off"):
            return None
        match = _PERIOD.fullmatch(value)
        if match is None:
            raise ValueError("a period is written like 30m, 6h or 1d, or off")
        return int(match[1]) * _PERIOD_UNITS[match[2]]

    @field_validator("backup_every")
    @classmethod
    def _not_too_often(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < BACKUP_EVERY_MIN:
            raise ValueError("backups are at least five minutes apart")
        return value

    @field_validator("telegram_token")
    @classmethod
    def _bot_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _BOT_TOKEN.fullmatch(value.get_secret_value()) is None:
            raise ValueError("a bot's token is written like 123456:letters-and-digits")
        return value

    @field_validator("redis_url")
    @classmethod
    def _shared_store(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_url(value.get_secret_value())
        return value

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        plain = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or not (parts.scheme == "https" or plain):
            raise ValueError("the public address begins with https://, or with http:// on this machine alone")
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
            raise ValueError("the public address ends with the host or its port")
        return value.rstrip("/")

    @field_validator("smtp_url", "mail_from", mode="before")
    @classmethod
    def _set(cls, value: Any) -> Any:
        return value or None

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            MailServer.parse(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        if value is not None and read_email(value) is None:
            raise ValueError("the sender of e-mails is an address such as marketbot@bot.example")
        return value

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.smtp_url is not None and (self.mail_from is None or self.public_url is None):
            raise ValueError("a mail server needs MARKETBOT_MAIL_FROM and MARKETBOT_PUBLIC_URL too")
        if self.sign_up is SignUp.OPEN and self.smtp_url is None:
            raise ValueError("open sign-up confirms addresses by e-mail: set MARKETBOT_SMTP_URL too")
        return self

    @field_validator("retain_orders")
    @classmethod
    def _orders_long_enough(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < RETAIN_ORDERS_MIN:
            raise ValueError("order history is kept for thirty days at least")
        return value

    @field_validator("retain_refusals", "retain_chunks", "retain_jobs")
    @classmethod
    def _long_enough(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < RETAIN_MIN:
            raise ValueError("rows are kept for a day at least")
        return value

    @field_validator("trusted_proxies", "roles", "replica_urls", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("egress_addresses", mode="before")
    @classmethod
    def _ways_out(cls, value: Any) -> Any:
        parts = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        if len(parts) > MAX_EGRESS_ADDRESSES:
            raise ValueError(f"at most {MAX_EGRESS_ADDRESSES} egress addresses")
        return tuple(Egress.parse(part.strip()) if isinstance(part, str) else part for part in parts if part)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > MAX_TRUSTED_PROXIES:
            raise ValueError(f"at most {MAX_TRUSTED_PROXIES} trusted proxies")
        return tuple(str(ipaddress.ip_network(network)) for network in value)

    @property
    def people_url(self) -> str:
        """Where people's links lead: the public address, or else the HTTP face on this machine."""
        host = f"[{self.api_host}]" if ":" in self.api_host else self.api_host
        return self.public_url or f"http://{host}:{self.api_port}"

    @property
    def vault_key_file(self) -> Path:
        return self.vault_key_file_in(self.data_dir)

    @staticmethod
    def vault_key_file_in(data_dir: Path) -> Path:
        return data_dir / "vault.key"

    @property
    def channel_kinds(self) -> frozenset[ChannelKind]:
        """By what means this installation can tell people something."""
        missing = set() if self.telegram_token else {ChannelKind.TELEGRAM}
        if self.smtp_url is None:
            missing.add(ChannelKind.EMAIL)
        return frozenset(ChannelKind) - missing

    @property
    def operator_token_file(self) -> Path:
        return self.data_dir / "operator.token"

    @property
    def backup_directory(self) -> Path:
        return self.data_dir / "backups" if self.backup_dir is None else self.backup_dir

    @property
    def backup_interval(self) -> timedelta | None:
        """How often ``marketbot up`` backs up. Unless it is set: daily for the embedded server of a live installation, which nobody else
        backs up; never for a server of one's own, whose owner has ways that lose less, nor for a simulation."""
        if "backup_every" in self.model_fields_set:
            return self.backup_every
        return BACKUP_EVERY_DEFAULT if self.database_url is None and self.profile is Profile.LIVE else None
