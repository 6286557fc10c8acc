"""The sources that accounts may follow, by name: no user's rows, and nothing of a source but what it is called."""

from __future__ import annotations

from collections.abc import Sequence

from marketbot.store.pool import Connection

OFFERED_MAX = 40
"""Sources that a form offers: it has a box for each, and forms have a bound of their own (``web.forms.MAX_FIELDS``)."""

OFFERED = "SELECT name FROM source WHERE enabled AND NOT internal ORDER BY name LIMIT $1"


async def list_offered(connection: Connection) -> Sequence[str]:
    """Return the sources at work, by name."""
    return [row["name"] for row in await connection.fetch(OFFERED, OFFERED_MAX)]
