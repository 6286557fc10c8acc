"""``source add``, ``set``, ``list`` and ``rotate``. A secret is made here, shown once, and stored as a digest or sealed."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass

import asyncpg
from rich.console import Console

from marketbot.cli.actor import note
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.domain.audit_entry import Action, fact
from marketbot.domain.errors import MarketBotError
from marketbot.domain.ids import SourceId
from marketbot.intake.times import read_interval_s
from marketbot.settings import Settings
from marketbot.store.source_secrets import KINDS, create_source, is_source_name, make_secret, replace_secret
from marketbot.store.sources import MAX_SOURCES, list_shown, set_allowed_addresses, set_chart_interval, set_enabled
from marketbot.supervisor.endpoints import Endpoints
from marketbot.vault.vault import Vault


async def add_source(output: Output, settings: Settings, name: str, kind: str, signals_per_hour: int) -> None:
    """Make a source and show its secret, this once."""
    if not is_source_name(name):
        raise CommandFailed(
            FailureReason.USAGE, "A source's name has lower-case letters, digits, - and _, at most 63.", exit_code=EXIT_USAGE
        )
    if kind not in KINDS:
        raise CommandFailed(FailureReason.USAGE, "--kind takes webhook or program.", exit_code=EXIT_USAGE)
    async with open_store(settings, create=True) as store:
        output.mark(store.profile)
        try:
            async with store.connection.transaction():
                source_id, secret = await make_source(store, name, kind, signals_per_hour=signals_per_hour)
                await note(
                    store.connection, Action.SOURCE_MADE, "source", source_id, kind=kind, signals_per_hour=signals_per_hour
                )
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
        source_id = await connection.fetchval("SELECT source_id FROM source WHERE name = $1 AND NOT internal", name)
        if source_id is None:
            raise CommandFailed(FailureReason.NOT_FOUND, f"There is no source named {name}.")
        async with connection.transaction():
            if change.interval is not None:
                await set_chart_interval(connection, name, interval_s)
            if networks is not None:
                await set_allowed_addresses(connection, name, networks)
            if change.enabled is not None:
                await set_enabled(connection, name, change.enabled)
            await note(
                connection,
                Action.SOURCE_CHANGED,
                "source",
                source_id,
                chart_interval=change.interval,
                allow=None if networks is None else fact(networks),
                enabled=change.enabled,
            )
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
        row = await store.connection.fetchrow("SELECT source_id, kind FROM source WHERE name = $1 AND NOT internal", name)
        if row is None:
            raise CommandFailed(FailureReason.NOT_FOUND, f"There is no source named {name}.")
        kind = row["kind"]
        async with store.connection.transaction():
            secret = make_secret(kind, name, lambda: _vault(store))
            await replace_secret(store.connection, name, secret)
            await note(store.connection, Action.SOURCE_ROTATED, "source", row["source_id"])
    _show_secret(output, settings, {"name": name, "kind": kind}, secret.text)


async def list_sources(output: Output, settings: Settings) -> None:
    """Show all sources, without their secrets."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = [
            {**asdict(row), "allowed_addresses": list(row.allowed_addresses)}
            for row in await list_shown(store.connection, SourceId(0), MAX_SOURCES)
        ]
    columns = list(rows[0]) if rows else ["name"]
    cells = [[", ".join(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in rows]
    output.show({"sources": rows}, output.table("Sources", columns, cells))


async def make_source(store: StoreSession, name: str, kind: str, *, signals_per_hour: int) -> tuple[int, str]:
    """Write a source of either kind; return its number and its secret in clear."""
    secret = make_secret(kind, name, lambda: _vault(store))
    return await create_source(store.connection, name, secret, signals_per_hour=signals_per_hour), secret.text


def _vault(store: StoreSession) -> Vault:
    try:
        return Vault.from_file(store.settings.vault_key_file)
    except (MarketBotError, OSError) as error:
        raise CommandFailed(FailureReason.REFUSED, f"The vault's key cannot be used: {error}") from error


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
