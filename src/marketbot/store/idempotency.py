"""What callers' commands were answered, kept for a day, so that the same command sent again is done once.

By draft-ietf-httpapi-idempotency-key-header: a key names one command of one caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from marketbot.store.pool import Connection

KEPT_FOR = timedelta(hours=24)
KEYS_PER_CALLER_MAX = 5_000
"""Of one day; past that, commands with a new key are refused."""
ABANDONED_AFTER_S = 60.0
"""A command of which there is no answer after so long has ended, well or not: the process died, or could not tell. A repeat is done
anew, which every command that takes a key stands."""
ROWS_BATCH = 1_000

_CLAIM = """
INSERT INTO idempotency_key (caller, key, request_sha256)
SELECT $1, $2, $3 WHERE (SELECT count(*) FROM idempotency_key k WHERE k.caller = $1) < $5
ON CONFLICT (caller, key) DO UPDATE SET created_at = clock_timestamp()
    WHERE idempotency_key.status IS NULL AND idempotency_key.request_sha256 = excluded.request_sha256
      AND idempotency_key.created_at < clock_timestamp() - make_interval(secs => $4)
RETURNING true
"""
_READ = "SELECT request_sha256, status, body, media_type FROM idempotency_key WHERE caller = $1 AND key = $2"
_ANSWER = "UPDATE idempotency_key SET status = $3, body = $4, media_type = $5 WHERE caller = $1 AND key = $2"
_FORGET = "DELETE FROM idempotency_key WHERE caller = $1 AND key = $2 AND status IS NULL"
_PRUNE = """
DELETE FROM idempotency_key WHERE (caller, key) IN (
    SELECT caller, key FROM idempotency_key WHERE created_at < clock_timestamp() - $1::interval ORDER BY created_at LIMIT $2)
"""


class Standing(StrEnum):
    """What a key says about a command."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    OTHER_REQUEST = "other_request"
    """The key was used for another command."""
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that the command got the first time."""

    status: int
    body: bytes = field(repr=False)
    media_type: str


async def claim_key(connection: Connection, caller: str, key: str, request_sha256: bytes) -> Standing | Answered:
    """Take a key for a command that is about to be done, or tell what became of it."""
    if await connection.fetchval(_CLAIM, caller, key, request_sha256, ABANDONED_AFTER_S, KEYS_PER_CALLER_MAX):
        return Standing.NEW
    row = await connection.fetchrow(_READ, caller, key)
    if row is None:
        return Standing.FULL
    if row["request_sha256"] != request_sha256:
        return Standing.OTHER_REQUEST
    if row["status"] is None:
        return Standing.IN_PROGRESS
    return Answered(row["status"], row["body"], row["media_type"])


async def keep_answer(connection: Connection, caller: str, key: str, answer: Answered) -> None:
    """Write down what the command was answered."""
    await connection.execute(_ANSWER, caller, key, answer.status, answer.body, answer.media_type)


async def forget_key(connection: Connection, caller: str, key: str) -> None:
    """Give a key back: nothing was done under it."""
    await connection.execute(_FORGET, caller, key)


async def prune_keys(connection: Connection, older_than: timedelta) -> int:
    """Delete a batch of what is older; return how many went."""
    done = await connection.execute(_PRUNE, older_than, ROWS_BATCH)
    return int(done.split()[1])
