"""How many accounts wish for more or less than the operator's bounds allow: such a wish is moved inside."""

from __future__ import annotations

from collections.abc import Mapping

from marketbot.domain.policy import Policy
from marketbot.store.pool import Connection

BOUNDED = ("leverage", "stop_multiplier", "target_multiplier", "position_size_pct", "max_positions", "cooldown_min")
"""The settings of accounts that a bound moves, as the schema names them."""

_CLAMPED = "SELECT {counts} FROM account WHERE disconnected_at IS NULL".format(
    counts=", ".join(
        f"count(*) FILTER (WHERE {name} < ${2 * place + 1} OR {name} > ${2 * place + 2}) AS {name}"
        for place, name in enumerate(BOUNDED)
    )
)


async def clamped_accounts(connection: Connection, policy: Policy) -> Mapping[str, int]:
    """Return of each bounded setting how many accounts' wishes lie outside of this policy's bounds."""
    bounds = [getattr(policy, name) for name in BOUNDED]
    row = await connection.fetchrow(_CLAMPED, *(edge for bound in bounds for edge in (bound.low, bound.high)))
    assert row is not None
    return dict(row)
