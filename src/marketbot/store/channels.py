"""Where users and the operator are told, by what means: each owner's channels, and the codes that prove who holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from marketbot.domain.audit_entry import Action, Actor, AuditEntry
from marketbot.domain.ids import UserId
from marketbot.domain.notice import ChannelKind, Notice, Severity, Spoken
from marketbot.store.jobs import enqueue
from marketbot.store.pool import Connection, Pool

CHANNELS_MAX = 5
"""Of one owner; the schema has as many places."""

CODE_JOB = "channel_code"
CODE_ATTEMPTS_MAX = 4
_OWN = "user_id IS NOT DISTINCT FROM $1::bigint"
_SHOWN = "channel_id, user_id, kind, name, language, minimum, notices, confirmed_at, failed, created_at"


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel as its owner sees it. ``notices``: None means all from ``minimum`` on."""

    channel_id: int
    user_id: UserId | None
    kind: ChannelKind
    name: str
    language: Spoken
    minimum: Severity
    notices: list[str] | None
    confirmed_at: datetime | None
    failed: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What is kept of a wish: sealed, and confirmed unless a code must prove who holds it."""

    kind: ChannelKind
    name: str
    language: Spoken
    minimum: Severity
    notices: Sequence[Notice] | None
    target_sealed: bytes | None = field(default=None, repr=False)
    secret_sealed: bytes | None = field(default=None, repr=False)
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """What is to be different; ``notices`` is taken only when ``notices_given``, for None means all."""

    language: Spoken | None = None
    minimum: Severity | None = None
    notices_given: bool = False
    notices: Sequence[Notice] | None = None


@dataclass(frozen=True, slots=True)
class SealedChannel:
    """What a keeper needs to tell."""

    channel_id: int
    user_id: UserId | None
    kind: ChannelKind
    language: Spoken
    confirmed_at: datetime | None
    target_sealed: bytes | None = field(repr=False)
    secret_sealed: bytes | None = field(repr=False)


def channel_aad(user_id: UserId | None, kind: ChannelKind, what: str) -> bytes:
    """Return what a channel's ``what`` ("target" or "secret") is sealed for."""
    return f"channel:{'operator' if user_id is None else int(user_id)}:{kind.value}:{what}".encode()


def channel_entry(action: Action, actor: Actor, channel_id: int, user_id: UserId | None, kind: ChannelKind) -> AuditEntry:
    """Return what the audit trail says of a channel: whose and of which kind, not where it leads."""
    return AuditEntry(action, actor, "channel", str(channel_id), {"user_id": user_id, "kind": kind.value})


async def list_channels(connection: Connection, user_id: UserId | None) -> list[ChannelRow]:
    """Return an owner's channels, the oldest first: a handful, so there are no pages."""
    rows = await connection.fetch(
        f"SELECT {_SHOWN} FROM notice_channel WHERE {_OWN} ORDER BY channel_id LIMIT {CHANNELS_MAX}", user_id
    )
    return [_row(row) for row in rows]


async def read_channel(connection: Connection, user_id: UserId | None, channel_id: int) -> ChannelRow | None:
    row = await connection.fetchrow(f"SELECT {_SHOWN} FROM notice_channel WHERE {_OWN} AND channel_id = $2", user_id, channel_id)
    return None if row is None else _row(row)


async def create_channel(connection: Connection, user_id: UserId | None, new: NewChannel) -> ChannelRow | None:
    """Add a channel; None when all places are taken, be it at this moment by another request."""
    row = await connection.fetchrow(
        "INSERT INTO notice_channel (user_id, place, kind, name, language, minimum, notices, target_sealed, secret_sealed, confirmed_at) "
        f"SELECT $1::bigint, min(n), $2, $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN clock_timestamp() END "
        f"FROM generate_series(1, {CHANNELS_MAX}) n WHERE n NOT IN (SELECT place FROM notice_channel WHERE {_OWN}) HAVING count(*) > 0 "
        f"ON CONFLICT DO NOTHING RETURNING {_SHOWN}",
        user_id,
        new.kind.value,
        new.name,
        new.language.value,
        new.minimum.value,
        None if new.notices is None else [notice.value for notice in new.notices],
        new.target_sealed,
        new.secret_sealed,
        new.confirmed,
    )
    return None if row is None else _row(row)


async def change_channel(
    connection: Connection, user_id: UserId | None, channel_id: int, change: ChannelChange
) -> ChannelRow | None:
    """Change what a channel is told; what its receiver refused before is forgotten, and tried again. None when there is no such one."""
    row = await connection.fetchrow(
        "UPDATE notice_channel SET language = coalesce($3, language), minimum = coalesce($4::notice_severity, minimum), "
        "notices = CASE WHEN $5 THEN $6::text[] ELSE notices END, failed = NULL "
        f"WHERE {_OWN} AND channel_id = $2 RETURNING {_SHOWN}",
        user_id,
        channel_id,
        None if change.language is None else change.language.value,
        None if change.minimum is None else change.minimum.value,
        change.notices_given,
        None if change.notices is None else [notice.value for notice in change.notices],
    )
    return None if row is None else _row(row)


async def remove_channel(connection: Connection, user_id: UserId | None, channel_id: int) -> bool:
    """Remove a channel, with all that waits for it."""
    done = await connection.execute(f"DELETE FROM notice_channel WHERE {_OWN} AND channel_id = $2", user_id, channel_id)
    return bool(done == "DELETE 1")


async def set_code(connection: Connection, user_id: UserId | None, channel_id: int, sha256: bytes, life: timedelta) -> bool:
    """Give an unconfirmed channel a new code in place of any other. False when there is no such channel."""
    done = await connection.execute(
        "UPDATE notice_channel SET code_sha256 = $3, code_until = clock_timestamp() + $4, code_tries = 0 "
        f"WHERE {_OWN} AND channel_id = $2 AND confirmed_at IS NULL",
        user_id,
        channel_id,
        sha256,
        life,
    )
    return bool(done == "UPDATE 1")


async def ask_code(connection: Connection, channel_id: int) -> None:
    """Have a mailbox sent a new code. The job holds none: it is made when the letter goes out."""
    await enqueue(connection, CODE_JOB, {"channel_id": channel_id}, key=str(channel_id), max_attempts=CODE_ATTEMPTS_MAX)


async def confirm_channel(
    connection: Connection, user_id: UserId | None, channel_id: int, sha256: bytes, tries_max: int
) -> ChannelRow | None:
    """Take a code; None when it is not the channel's, is too old, or was guessed at too often. Each wrong one counts."""
    row = await connection.fetchrow(
        "UPDATE notice_channel SET code_tries = code_tries + 1, "
        "confirmed_at = CASE WHEN code_sha256 = $3 THEN clock_timestamp() END, "
        "code_until = CASE WHEN code_sha256 = $3 THEN NULL ELSE code_until END, "
        "code_sha256 = CASE WHEN code_sha256 = $3 THEN NULL ELSE code_sha256 END "
        f"WHERE {_OWN} AND channel_id = $2 AND confirmed_at IS NULL AND code_until > clock_timestamp() AND code_tries < $4 "
        f"RETURNING {_SHOWN}",
        user_id,
        channel_id,
        sha256,
        tries_max,
    )
    return None if row is None or row["confirmed_at"] is None else _row(row)


async def channel_of_code(pool: Pool, sha256: bytes) -> SealedChannel | None:
    """Return the chat's channel that waits for this code."""
    row = await pool.fetchrow(
        "SELECT channel_id, user_id, kind, language, confirmed_at, target_sealed, secret_sealed FROM notice_channel "
        "WHERE code_sha256 = $1 AND kind = 'telegram' AND confirmed_at IS NULL AND code_until > clock_timestamp()",
        sha256,
    )
    return None if row is None else _sealed(row)


async def link_chat(connection: Connection, channel: SealedChannel, sha256: bytes, name: str, target_sealed: bytes) -> bool:
    """Let the channel lead to a chat. False when its code was used or replaced meanwhile."""
    done = await connection.execute(
        "UPDATE notice_channel SET name = $3, target_sealed = $4, confirmed_at = clock_timestamp(), code_sha256 = NULL, code_until = NULL "
        "WHERE channel_id = $1 AND code_sha256 = $2 AND confirmed_at IS NULL AND code_until > clock_timestamp()",
        channel.channel_id,
        sha256,
        name,
        target_sealed,
    )
    return bool(done == "UPDATE 1")


async def sealed_channel(pool: Pool, channel_id: int) -> SealedChannel | None:
    row = await pool.fetchrow(
        "SELECT channel_id, user_id, kind, language, confirmed_at, target_sealed, secret_sealed FROM notice_channel WHERE channel_id = $1",
        channel_id,
    )
    return None if row is None else _sealed(row)


async def note_failed(pool: Pool, channel_id: int, why: str) -> None:
    """Keep that the receiver will take no more, until its owner changes the channel or something is taken after all."""
    await pool.execute("UPDATE notice_channel SET failed = left($2, 300) WHERE channel_id = $1", channel_id, why)


async def note_taken(pool: Pool, channel_id: int) -> None:
    await pool.execute("UPDATE notice_channel SET failed = NULL WHERE channel_id = $1 AND failed IS NOT NULL", channel_id)


async def note_busy(pool: Pool, channel_id: int, quiet_s: int) -> None:
    """Leave the receiver alone for as long as it asked."""
    await pool.execute(
        "UPDATE notice_channel SET quiet_until = clock_timestamp() + make_interval(secs => $2) WHERE channel_id = $1",
        channel_id,
        quiet_s,
    )


def _row(row: object) -> ChannelRow:
    found = dict(row)  # type: ignore[call-overload]
    return ChannelRow(
        **{
            **found,
            "kind": ChannelKind(found["kind"]),
            "language": Spoken(found["language"]),
            "minimum": Severity(found["minimum"]),
        }
    )


def _sealed(row: object) -> SealedChannel:
    found = dict(row)  # type: ignore[call-overload]
    return SealedChannel(**{**found, "kind": ChannelKind(found["kind"]), "language": Spoken(found["language"])})
