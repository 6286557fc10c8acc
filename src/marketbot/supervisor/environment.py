"""What a child process is told: settings as the environment variables that ``Settings`` reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta

from marketbot.settings import Settings

_OURS = ("MARKETBOT_", "DATABASE_URL", "REPLICA_URLS", "REDIS_URL")


def child_environment(settings: Settings) -> Mapping[str, str]:
    """Return a child's whole environment: ours, with every setting spelled out. It may hold secrets."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
    told: dict[str, object] = {
        "MARKETBOT_DATA_DIR": settings.data_dir,
        "MARKETBOT_DATABASE_TLS": None if settings.database_tls is None else settings.database_tls.value,
        "MARKETBOT_PROFILE": settings.profile.value,
        "MARKETBOT_SIMULATOR_READY_FILE": settings.simulator_ready_file,
        "MARKETBOT_SIMULATOR_CA_FILE": settings.simulator_ca_file,
        "MARKETBOT_EGRESS_ADDRESSES": ",".join(way.spelled for way in settings.egress_addresses),
        "MARKETBOT_API_HOST": settings.api_host,
        "MARKETBOT_API_PORT": settings.api_port,
        "MARKETBOT_API_MAX_IN_FLIGHT": settings.api_max_in_flight,
        "MARKETBOT_API_DRAIN_S": settings.api_drain_s,
        "MARKETBOT_API_POOL_SIZE": settings.api_pool_size,
        "MARKETBOT_ENGINE_POOL_SIZE": settings.engine_pool_size,
        "MARKETBOT_TRUSTED_PROXIES": ",".join(settings.trusted_proxies),
        "MARKETBOT_METRICS_HOST": settings.metrics_host,
        "MARKETBOT_METRICS_PORT": settings.metrics_port,
        "MARKETBOT_OTLP_ENDPOINT": settings.otlp_endpoint,
        "MARKETBOT_NOTICES_TO_LOOPBACK": settings.notices_to_loopback,
        "MARKETBOT_PUBLIC_URL": settings.public_url,
        "MARKETBOT_MAIL_FROM": settings.mail_from,
        "MARKETBOT_SIGN_UP": settings.sign_up.value,
        "MARKETBOT_BACKUP_DIR": settings.backup_directory,
        "MARKETBOT_BACKUP_KEY_FILE": settings.backup_key_file,
        "MARKETBOT_BACKUP_EVERY": _period(settings.backup_every),
        "MARKETBOT_BACKUP_KEEP_DAILY": settings.backup_keep_daily,
        "MARKETBOT_BACKUP_KEEP_WEEKLY": settings.backup_keep_weekly,
        "MARKETBOT_RETAIN_ORDERS": _period(settings.retain_orders),
        "MARKETBOT_RETAIN_REFUSALS": _period(settings.retain_refusals),
        "MARKETBOT_RETAIN_CHUNKS": _period(settings.retain_chunks),
        "MARKETBOT_RETAIN_JOBS": _period(settings.retain_jobs),
        "MARKETBOT_MEMORY_BOUND_MB": settings.memory_bound_mb,
        "MARKETBOT_LOG_LEVEL": settings.log_level.value,
        "MARKETBOT_LOG_FORMAT": settings.log_format.value,
    }
    if settings.database_url is not None:
        told["DATABASE_URL"] = settings.database_url.get_secret_value()
    if settings.replica_urls:
        told["REPLICA_URLS"] = ",".join(url.get_secret_value() for url in settings.replica_urls)
    if settings.redis_url is not None:
        told["REDIS_URL"] = settings.redis_url.get_secret_value()
    if settings.smtp_url is not None:
        told["MARKETBOT_SMTP_URL"] = settings.smtp_url.get_secret_value()
    if settings.operator_token is not None:
        told["MARKETBOT_OPERATOR_TOKEN"] = settings.operator_token.get_secret_value()
    return inherited | {name: str(value) for name, value in told.items() if value is not None}


def _period(every: timedelta | None) -> str:
    if every is None:
        return "off"
    return f"{every.days}d" if not every % timedelta(days=1) else f"{every // timedelta(minutes=1)}m"
