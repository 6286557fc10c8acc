"""What live streams ask the database: which of a user's things changed since a moment, and whose tokens still hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from marketbot.domain.ids import UserId
from marketbot.domain.live import Changed
from marketbot.store.pool import Connection

CHANGED_SINCE = (Path(__file__).with_name("sql") / "changed_since.sql").read_text()
AT_WORK_FOR = timedelta(minutes=10)
"""Orders of signals planned so long before the moment are still looked at; of older ones, a position that they moved tells."""
MAX_LATELY = 200
"""Of a user's latest orders, how many are looked at."""

_HOLDING = """
SELECT t.token_id FROM api_token t LEFT JOIN app_user u USING (user_id)
WHERE t.token_id = ANY($1::bigint[]) AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
  AND u.disabled_at IS NULL
"""


async def changed_since(connection: Connection, user_id: UserId, since: datetime) -> Changed:
    """Return what changed for a user; rather too much than too little.

    Controls always: what was lifted left no row.
    """
    row = await connection.fetchrow(CHANGED_SINCE, user_id, since, since - AT_WORK_FOR, MAX_LATELY)
    assert row is not None
    changed = Changed.CONTROLS
    for kind, name in ((Changed.SIGNALS, "signals"), (Changed.ORDERS, "orders"), (Changed.ACCOUNTS, "accounts")):
        if row[name]:
            changed |= kind
    if row["positions"]:
        changed |= Changed.POSITIONS | Changed.ORDERS
    return changed


async def tokens_holding(connection: Connection, token_ids: Sequence[int]) -> set[int]:
    """Return which of these tokens are neither revoked nor expired, nor their user's who was disabled."""
    return {row["token_id"] for row in await connection.fetch(_HOLDING, token_ids)}
