"""What an installation can set, read from the environment (prefix ``MARKETBOT_``) once, at start.

What is traded, and how, is not here: that is the policy in the database.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from marketbot.cache.address import check_url
from marketbot.domain.venue import Profile
from marketbot.store.embedded.data_dir import default_data_root
from marketbot.store.pool import POOL_SIZE_DEFAULT, POOL_SIZE_MAX

ENGINE_POOL_SIZE_DEFAULT = 5
"""Half of what an engine could keep busy at times: server processes that work all the time keep their caches warm."""
MAX_EGRESS_ADDRESSES = 256
MAX_TRUSTED_PROXIES = 64
MAX_IN_FLIGHT_DEFAULT = 1_000
"""About as many reads as one process answers in half a second."""


class LogFormat(StrEnum):
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """Lists are written with commas: ``MARKETBOT_EGRESS_ADDRESSES=203.0.113.7,203.0.113.8``."""

    model_config = SettingsConfigDict(env_prefix="MARKETBOT_", frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("database_url", "MARKETBOT_DATABASE_URL", "DATABASE_URL")
    )
    """A server of one's own; none means the embedded one."""
    redis_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("redis_url", "MARKETBOT_REDIS_URL", "REDIS_URL")
    )
    """A shared store (Valkey, Redis) of one's own; none means that `marketbot up` runs an embedded one."""
    data_dir: Path = Field(default_factory=default_data_root)
    profile: Profile = Profile.LIVE
    simulator_ready_file: Path | None = None
    """Where a running simulator tells its ports; for the simulation profile only."""
    simulator_ca_file: Path | None = None
    egress_addresses: Annotated[tuple[str, ...], NoDecode] = ()
    """Local source addresses, in the order that accounts' egress numbers count; none means whatever the system picks."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65_535)
    api_max_in_flight: int = Field(default=MAX_IN_FLIGHT_DEFAULT, ge=10, le=10_000)
    """Requests that one API process serves at once; reads are turned away first, webhooks and what reduces risk last."""
    api_pool_size: int = Field(default=POOL_SIZE_DEFAULT, ge=1, le=POOL_SIZE_MAX)
    engine_pool_size: int = Field(default=ENGINE_POOL_SIZE_DEFAULT, ge=1, le=POOL_SIZE_MAX)
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Networks whose ``X-Forwarded-For`` is believed."""
    operator_token: SecretStr | None = None
    """None means the token in the data directory's file, made on first use."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=9464, ge=0, le=65_535)
    """The engine's own metrics; the API serves its own under /metrics."""

    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.JSON

    @field_validator("database_url", "redis_url", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        return value or None

    @field_validator("redis_url")
    @classmethod
    def _shared_store(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_url(value.get_secret_value())
        return value

    @field_validator("egress_addresses", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("egress_addresses")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > MAX_EGRESS_ADDRESSES:
            raise ValueError(f"at most {MAX_EGRESS_ADDRESSES} egress addresses")
        return tuple(str(ipaddress.ip_address(address)) for address in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > MAX_TRUSTED_PROXIES:
            raise ValueError(f"at most {MAX_TRUSTED_PROXIES} trusted proxies")
        return tuple(str(ipaddress.ip_network(network)) for network in value)

    @property
    def vault_key_file(self) -> Path:
        return self.data_dir / "vault.key"

    @property
    def operator_token_file(self) -> Path:
        return self.data_dir / "operator.token"
