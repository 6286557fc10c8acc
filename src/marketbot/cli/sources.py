"""``source add``, ``set``, ``list`` and ``rotate``. A secret is made here, shown once, and stored as a digest or sealed."""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass

import asyncpg
from rich.console import Console

from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.domain.errors import MarketBotError
from marketbot.intake.times import read_interval_s
from marketbot.settings import Settings
from marketbot.store.sources import (
    create_program_source,
    create_webhook_source,
    rotate_secret,
    set_allowed_addresses,
    set_chart_interval,
    set_enabled,
    source_aad,
)
from marketbot.supervisor.endpoints import Endpoints
from marketbot.vault.vault import Vault

SECRET_BYTES = 24
HMAC_KEY_BYTES = 32
KINDS = ("webhook", "program")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

_LIST = """
SELECT s.source_id, s.name, s.kind, s.enabled, s.signals_per_hour, s.dedup_window_s, s.chart_interval_s,
       s.allowed_addresses::text[] AS allowed_addresses,
       (SELECT count(*) FROM follow f WHERE f.source_id = s.source_id) AS followers,
       (SELECT count(*) FROM signal g WHERE g.source_id = s.source_id) AS signals,
       (SELECT max(g.received_at) FROM signal g WHERE g.source_id = s.source_id) AS last_signal_at
FROM source s ORDER BY s.name
"""


async def add_source(output: Output, settings: Settings, name: str, kind: str, signals_per_hour: int) -> None:
    """Make a source and show its secret, this once."""
    if _NAME.fullmatch(name) is None:
        raise CommandFailed(
            FailureReason.USAGE, "A source's name has lower-case letters, digits, - and _, at most 63.", exit_code=EXIT_USAGE
        )
    if kind not in KINDS:
        raise CommandFailed(FailureReason.USAGE, "--kind takes webhook or program.", exit_code=EXIT_USAGE)
    async with open_store(settings, create=True) as store:
        output.mark(store.profile)
        try:
            source_id, secret = await make_source(store, name, kind, signals_per_hour=signals_per_hour)
        except asyncpg.UniqueViolationError:
            raise CommandFailed(FailureReason.ALREADY_EXISTS, f"There is a source named {name} already.") from None
    _show_secret(output, settings, {"source_id": source_id, "name": name, "kind": kind}, secret)


@dataclass(frozen=True, slots=True)
class SourceChange:
    """What ``source set`` changes; None leaves a thing as it is. ``interval`` may be ``none``, ``allow`` ``["any"]``."""

    interval: str | None
    allow: list[str] | None
    enabled: bool | None


async def change_source(output: Output, settings: Settings, name: str, change: SourceChange) -> None:
    """Change a source, all of it or nothing."""
    interval_s = _interval_s(change.interval)
    networks = _networks(change.allow)
    async with open_store(settings) as store:
        output.mark(store.profile)
        connection = store.connection
        if await connection.fetchval("SELECT 1 FROM source WHERE name = $1", name) is None:
            raise CommandFailed(FailureReason.NOT_FOUND, f"There is no source named {name}.")
        async with connection.transaction():
            if change.interval is not None:
                await set_chart_interval(connection, name, interval_s)
            if networks is not None:
                await set_allowed_addresses(connection, name, networks)
            if change.enabled is not None:
                await set_enabled(connection, name, change.enabled)
        row = await connection.fetchrow(
            "SELECT name, enabled, allowed_addresses::text[] AS allowed_addresses, chart_interval_s FROM source WHERE name = $1",
            name,
        )
    assert row is not None
    values = {**dict(row), "allowed_addresses": list(row["allowed_addresses"])}

    def human(console: Console) -> None:
        console.print(f"Source {name} is {'enabled' if values['enabled'] else 'disabled'}.")
        console.print(f"  sends from      {', '.join(values['allowed_addresses']) or 'any address'}")
        seconds = values["chart_interval_s"]
        console.print("  chart interval  " + ("not told" if seconds is None else f"{seconds} s"))

    output.show(values, human)


def _interval_s(text: str | None) -> int | None:
    if text is None or text == "none":
        return None
    seconds = read_interval_s(text)
    if not seconds:
        raise CommandFailed(FailureReason.USAGE, "--interval takes a chart's interval: 30, 15m, 4h, 1D.", exit_code=EXIT_USAGE)
    return seconds


def _networks(texts: list[str] | None) -> list[str] | None:
    if not texts:
        return None
    if texts == ["any"]:
        return []
    try:
        return [str(ipaddress.ip_network(text)) for text in texts]
    except ValueError as error:
        raise CommandFailed(
            FailureReason.USAGE, f"--allow takes a network or an address: {error}.", exit_code=EXIT_USAGE
        ) from None


async def rotate_source(output: Output, settings: Settings, name: str) -> None:
    """Replace a source's secret and show the new one, this once."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        kind = await store.connection.fetchval("SELECT kind FROM source WHERE name = $1", name)
        if kind is None:
            raise CommandFailed(FailureReason.NOT_FOUND, f"There is no source named {name}.")
        if kind == "webhook":
            secret = secrets.token_urlsafe(SECRET_BYTES)
            await rotate_secret(store.connection, name, secret)
        else:
            secret, sealed = _hmac_key(store, name)
            await store.connection.execute("UPDATE source SET sealed_hmac_key = $2 WHERE name = $1", name, sealed)
    _show_secret(output, settings, {"name": name, "kind": kind}, secret)


async def list_sources(output: Output, settings: Settings) -> None:
    """Show all sources, without their secrets."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = [dict(row) for row in await store.connection.fetch(_LIST)]
    for row in rows:
        row["allowed_addresses"] = list(row["allowed_addresses"])
    columns = list(rows[0]) if rows else ["name"]
    cells = [[", ".join(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in rows]
    output.show({"sources": rows}, output.table("Sources", columns, cells))


async def make_source(store: StoreSession, name: str, kind: str, *, signals_per_hour: int) -> tuple[int, str]:
    """Write a source of either kind; return its number and its secret in clear."""
    if kind == "webhook":
        secret = secrets.token_urlsafe(SECRET_BYTES)
        source_id = await create_webhook_source(store.connection, name, secret, signals_per_hour=signals_per_hour)
        return source_id, secret
    secret, sealed = _hmac_key(store, name)
    return await create_program_source(store.connection, name, sealed, signals_per_hour=signals_per_hour), secret


def _hmac_key(store: StoreSession, name: str) -> tuple[str, bytes]:
    """Return a new key as its text, whose bytes are the key, and sealed."""
    key = secrets.token_hex(HMAC_KEY_BYTES)
    try:
        vault = Vault.from_file(store.settings.vault_key_file)
    except (MarketBotError, OSError) as error:
        raise CommandFailed(FailureReason.REFUSED, f"The vault's key cannot be used: {error}") from error
    return key, vault.seal(key.encode(), aad=source_aad(name))


def _show_secret(output: Output, settings: Settings, source: dict[str, object], secret: str) -> None:
    endpoints = Endpoints.read(settings.data_dir)
    base = f"http://{settings.api_host}:{settings.api_port}" if endpoints is None else endpoints.api_url
    address = f"{base}/v1/webhook/{source['name']}"
    if source["kind"] == "webhook":
        values = {**source, "secret": secret, "webhook_url": f"{address}/{secret}"}
    else:
        values = {**source, "hmac_key": secret, "webhook_url": address}

    def human(console: Console) -> None:
        console.print(f"Source {source['name']} ({source['kind']}). This is shown once, and cannot be read back:")
        if source["kind"] == "webhook":
            console.print(f"  secret   {secret}")
        else:
            console.print(f"  HMAC key {secret}")
            console.print("  sign     X-MarketBot-Signature = hex HMAC-SHA256(key, timestamp + '.' + body)")
        console.print(f"  post to  {values['webhook_url']}", soft_wrap=True)

    output.show(values, human)
