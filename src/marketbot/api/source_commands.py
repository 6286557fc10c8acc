"""What operators do about sources, the same for ``/v1`` and the console: each is written with its entry in the audit trail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from marketbot.api.admission import ApiRequest
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID
from marketbot.api.source_wishes import SourceWish
from marketbot.domain.audit_entry import Action, AuditEntry, Fact, fact
from marketbot.domain.ids import SourceId
from marketbot.intake.refused import Refused
from marketbot.intake.service import Delivery, Intake, Receipt
from marketbot.store.audit_trail import record
from marketbot.store.pool import Connection
from marketbot.store.source_secrets import create_source, make_secret, replace_secret
from marketbot.store.sources import (
    ShownSource,
    read_shown,
    set_allowed_addresses,
    set_chart_interval,
    set_enabled,
    set_hourly_limit,
)


@dataclass(frozen=True, slots=True)
class ArmedSource:
    """A source with the secret that it has from now on, to be shown this once."""

    source: ShownSource
    secret: str = field(repr=False)


async def make_source(request: ApiRequest, wish: SourceWish) -> ArmedSource | None:
    """Make a source; None when its name is taken."""
    database: Database = request.app.state.database
    secret = make_secret(wish.kind, wish.name, lambda: request.app.state.vault)
    try:
        async with database.connection() as connection, connection.transaction():
            source_id = await create_source(connection, wish.name, secret, signals_per_hour=wish.signals_per_hour)
            facts: dict[str, Fact] = {"kind": wish.kind, "signals_per_hour": wish.signals_per_hour}
            await record(connection, AuditEntry(Action.SOURCE_MADE, actor_of(request), "source", str(source_id), facts))
            source = await read_shown(connection, source_id)
    except asyncpg.UniqueViolationError:
        return None
    assert source is not None
    return ArmedSource(source, secret.text)


async def change_source(request: ApiRequest, changes: dict[str, Any]) -> ShownSource | None:
    """Change the source that the address names, all of it or nothing; None when there is none."""
    database: Database = request.app.state.database
    async with database.connection() as connection, connection.transaction():
        source = await named_source(request, connection)
        if source is None:
            return None
        await _change(connection, source.name, changes)
        facts = {name: fact(value) for name, value in changes.items()}
        await record(connection, AuditEntry(Action.SOURCE_CHANGED, actor_of(request), "source", str(source.source_id), facts))
        return await read_shown(connection, source.source_id)


async def rotate_source(request: ApiRequest) -> ArmedSource | None:
    """Give the source that the address names another secret; the old one is refused from the commit on."""
    database: Database = request.app.state.database
    async with database.connection() as connection, connection.transaction():
        source = await named_source(request, connection)
        if source is None:
            return None
        secret = make_secret(source.kind, source.name, lambda: request.app.state.vault)
        await replace_secret(connection, source.name, secret)
        await record(connection, AuditEntry(Action.SOURCE_ROTATED, actor_of(request), "source", str(source.source_id), {}))
    return ArmedSource(source, secret.text)


async def send_test_signal(request: ApiRequest, source: str, text: str) -> Receipt | Refused:
    """Send a signal in a source's name, through the same intake. It trades.

    What is recorded comes first, so that no signal is without its entry; a body that is then refused leaves an entry of a test that
    came to nothing.

    Raises:
        NotReady: no symbol is known yet.
    """
    database: Database = request.app.state.database
    intake: Intake = request.app.state.intake
    body, actor = text.encode(errors="replace"), actor_of(request)
    async with database.connection() as connection, connection.transaction():
        facts = {"body_sha256": hashlib.sha256(body.strip()).hexdigest()}
        await record(connection, AuditEntry(Action.TEST_SIGNAL_SENT, actor, "source", source, facts))
    return await intake.receive_test(Delivery(source=source, body=body, address=actor.address or ""))


async def named_source(request: ApiRequest, connection: Connection) -> ShownSource | None:
    source_id: int = request.path_params["source_id"]
    return await read_shown(connection, SourceId(source_id)) if 0 < source_id <= MAX_ID else None


async def _change(connection: Connection, name: str, changes: dict[str, Any]) -> None:
    if "enabled" in changes:
        await set_enabled(connection, name, changes["enabled"])
    if "signals_per_hour" in changes:
        await set_hourly_limit(connection, name, changes["signals_per_hour"])
    if "allowed_addresses" in changes:
        await set_allowed_addresses(connection, name, changes["allowed_addresses"])
    if "chart_interval" in changes:
        await set_chart_interval(connection, name, changes["chart_interval"])
