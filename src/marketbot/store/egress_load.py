"""How many accounts leave by each way out."""

from __future__ import annotations

from marketbot.store.pool import Connection

_ACCOUNTS = "SELECT egress, count(*) AS accounts FROM account WHERE disconnected_at IS NULL GROUP BY egress"


async def accounts_by_egress(connection: Connection) -> dict[int, int]:
    """Return the accounts of each egress's number; one that nobody uses is not in it."""
    return {row["egress"]: row["accounts"] for row in await connection.fetch(_ACCOUNTS)}
