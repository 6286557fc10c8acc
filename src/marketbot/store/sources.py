"""Where signals come from: names, secrets, limits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from marketbot.domain.errors import MarketBotError
from marketbot.domain.ids import AccountId, SourceId
from marketbot.domain.policy import Policy
from marketbot.store.pool import Connection

MAX_SOURCES = 10_000
MIN_SECRET_LENGTH = 16
"""Characters. Short of that a secret could be guessed, for a webhook's is stored as a plain digest."""


class SecretTooShort(MarketBotError):
    def __init__(self) -> None:
        super().__init__(f"a source's secret needs at least {MIN_SECRET_LENGTH} characters")


@dataclass(frozen=True, slots=True)
class SourceRow:
    source_id: SourceId
    name: str
    enabled: bool
    secret_sha256: bytes | None = field(repr=False)
    sealed_hmac_key: bytes | None = field(repr=False)
    allowed_addresses: tuple[str, ...]
    signals_per_hour: int
    instruments: frozenset[str]
    chart_interval_s: int | None
    """How long a bar of its chart lasts, for bodies that tell when their bar opened and nothing else."""


_SHOWN = """
SELECT s.source_id, s.name, s.kind, s.enabled, s.signals_per_hour, s.dedup_window_s, s.chart_interval_s,
       s.allowed_addresses::text[] AS allowed_addresses,
       (SELECT count(*) FROM follow f WHERE f.source_id = s.source_id) AS followers,
       (SELECT count(*) FROM signal g WHERE g.source_id = s.source_id) AS signals,
       (SELECT max(g.received_at) FROM signal g WHERE g.source_id = s.source_id) AS last_signal_at
FROM source s WHERE NOT s.internal AND
"""


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A source as operators see it, without its secret."""

    source_id: SourceId
    name: str
    kind: str
    enabled: bool
    signals_per_hour: int
    dedup_window_s: int
    chart_interval_s: int | None
    allowed_addresses: tuple[str, ...]
    followers: int
    signals: int
    last_signal_at: datetime | None


async def list_shown(conn: Connection, after: SourceId, limit: int) -> list[ShownSource]:
    """Return a page of sources by ascending id, those above ``after``."""
    rows = await conn.fetch(_SHOWN + "s.source_id > $1 ORDER BY s.source_id LIMIT $2", after, limit)
    return [ShownSource(**{**dict(row), "allowed_addresses": tuple(row["allowed_addresses"])}) for row in rows]


async def read_shown(conn: Connection, source_id: SourceId) -> ShownSource | None:
    row = await conn.fetchrow(_SHOWN + "s.source_id = $1", source_id)
    return None if row is None else ShownSource(**{**dict(row), "allowed_addresses": tuple(row["allowed_addresses"])})


async def set_hourly_limit(conn: Connection, name: str, signals_per_hour: int) -> bool:
    """Let a source send so many signals an hour from one address."""
    done = await conn.execute("UPDATE source SET signals_per_hour = $2 WHERE name = $1", name, signals_per_hour)
    return bool(done == "UPDATE 1")


async def load_sources(conn: Connection) -> list[SourceRow]:
    """Return every source, the disabled ones too."""
    rows = await conn.fetch(
        """
        SELECT source_id, name, enabled, secret_sha256, sealed_hmac_key, allowed_addresses::text[] AS allowed_addresses,
               signals_per_hour, instruments, chart_interval_s
        FROM source WHERE NOT internal ORDER BY source_id LIMIT $1
        """,
        MAX_SOURCES,
    )
    return [
        SourceRow(
            **{
                **dict(row),
                "allowed_addresses": tuple(row["allowed_addresses"]),
                "instruments": frozenset(row["instruments"]),
            }
        )
        for row in rows
    ]


async def validation_window_s(conn: Connection) -> int:
    """Return how old an entry may be at intake: the operator's policy, or its default."""
    found = await conn.fetchval("SELECT (document ->> 'validation_window_s')::int FROM policy")
    return Policy().validation_window_s if found is None else int(found)


def digest_secret(secret: str) -> bytes:
    """Return what is stored of a webhook's secret.

    Raises:
        SecretTooShort: it could be guessed.
    """
    if len(secret) < MIN_SECRET_LENGTH:
        raise SecretTooShort
    return hashlib.sha256(secret.encode()).digest()


async def create_webhook_source(
    conn: Connection, name: str, secret: str, *, signals_per_hour: int = 300, dedup_window_s: int = 300
) -> SourceId:
    """Add a source that proves itself with a secret in its path or body."""
    found = await conn.fetchval(
        """
        INSERT INTO source (name, kind, secret_sha256, signals_per_hour, dedup_window_s)
        VALUES ($1, 'webhook', $2, $3, $4) RETURNING source_id
        """,
        name,
        digest_secret(secret),
        signals_per_hour,
        dedup_window_s,
    )
    return SourceId(found)


async def create_program_source(
    conn: Connection, name: str, sealed_hmac_key: bytes, *, signals_per_hour: int = 300, dedup_window_s: int = 300
) -> SourceId:
    """Add a source that signs its bodies; the key is sealed with ``aad=source_aad(name)``."""
    found = await conn.fetchval(
        """
        INSERT INTO source (name, kind, sealed_hmac_key, signals_per_hour, dedup_window_s)
        VALUES ($1, 'program', $2, $3, $4) RETURNING source_id
        """,
        name,
        sealed_hmac_key,
        signals_per_hour,
        dedup_window_s,
    )
    return SourceId(found)


def source_aad(name: str) -> bytes:
    """Return what a program's key is bound to when it is sealed."""
    return b"source:" + name.encode()


async def rotate_secret(conn: Connection, name: str, secret: str) -> bool:
    """Replace a webhook source's secret; the old one is refused from the commit on."""
    done = await conn.execute(
        "UPDATE source SET secret_sha256 = $2 WHERE name = $1 AND kind = 'webhook'", name, digest_secret(secret)
    )
    return bool(done == "UPDATE 1")


async def set_enabled(conn: Connection, name: str, enabled: bool) -> bool:
    done = await conn.execute("UPDATE source SET enabled = $2 WHERE name = $1", name, enabled)
    return bool(done == "UPDATE 1")


async def set_allowed_addresses(conn: Connection, name: str, networks: Sequence[str]) -> bool:
    """Replace a source's address list; empty means any address."""
    done = await conn.execute("UPDATE source SET allowed_addresses = $2::text[]::cidr[] WHERE name = $1", name, list(networks))
    return bool(done == "UPDATE 1")


async def set_chart_interval(conn: Connection, name: str, seconds: int | None) -> bool:
    """Tell how long a bar of a source's chart lasts; None where its bodies tell the moment they were sent."""
    done = await conn.execute("UPDATE source SET chart_interval_s = $2 WHERE name = $1", name, seconds)
    return bool(done == "UPDATE 1")


async def follow(conn: Connection, source_id: SourceId, account_ids: Sequence[AccountId]) -> None:
    """Let accounts trade a source's signals. Idempotent."""
    await conn.execute(
        "INSERT INTO follow (source_id, account_id) SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING",
        source_id,
        list(account_ids),
    )
