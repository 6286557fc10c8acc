"""One signal over all accounts, watched through the database."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from readiness.isolated.books import Ordered
from readiness.isolated.errors import RunFailed
from readiness.isolated.installation import PRICES, Installation
from readiness.isolated.population import DRILL_SOURCE, SOURCE, drill_accounts
from readiness.measure.database import Db
from readiness.measure.front import ask

SETTLE_TIMEOUT_S = 180.0
CONNECT_STALL_S = 60.0
POLL_S = 0.05
READY_WAIT_S = 30.0
ENTRY_WAIT_S = 30.0
FLAT_WAIT_S = 30.0
ACCEPTED, UNAVAILABLE = 202, 503

_STATUS = "SELECT count(*) FILTER (WHERE status = 'ready') AS ready, count(*) AS total FROM account"
_OUTCOMES = """
SELECT i.lane, o.sent_ms, o.acked_ms, o.protected_ms, o.result::text AS result
FROM intent i LEFT JOIN outcome o USING (signal_id, account_id) WHERE i.signal_id = $1 AND i.state = 'queued'
"""
_BOOK = """
SELECT i.account_id, i.state = 'queued' AS queued, o.result::text AS result,
       ARRAY(SELECT client_order_id FROM orders r
             WHERE r.signal_id = i.signal_id AND r.account_id = i.account_id AND r.leg = 'entry') AS entry_ids
FROM intent i LEFT JOIN outcome o USING (signal_id, account_id) WHERE i.signal_id = $1
"""
_HELD = """
SELECT count(*) FROM position WHERE symbol = ANY ($1) AND protection <> 'closed'
AND account_id IN (SELECT account_id FROM account ORDER BY account_id LIMIT $2)
"""
_ENVIRONMENTS = """
SELECT count(DISTINCT a.environment) FROM outcome o JOIN account a USING (account_id)
WHERE o.signal_id = $1 AND o.result = 'ordered'
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One account's way, in milliseconds since the signal was received; ``result`` is None while it is under way."""

    lane: int
    sent_ms: int | None
    acked_ms: int | None
    protected_ms: int | None
    result: str | None


async def until_connected(connection: Db, accounts: int) -> None:
    """Wait until every account is ready.

    Raises:
        RunFailed: no further one became ready for a long time.
    """
    last, since = -1, time.monotonic()
    while True:
        row = await connection.fetchrow(_STATUS)
        assert row is not None
        if row["ready"] >= accounts:
            return
        if row["ready"] != last:
            last, since = row["ready"], time.monotonic()
        if time.monotonic() - since > CONNECT_STALL_S:
            raise RunFailed(f"only {last} of {accounts} accounts were connected")
        await asyncio.sleep(0.2)


def long_body(symbol: str) -> bytes:
    return orjson.dumps({"ticker": f"{symbol}.P", "close": PRICES[symbol], "signal": "SINAL LONG FORTE", "time": _now()})


def close_body(symbol: str, name: str = "") -> bytes:
    return orjson.dumps(
        {
            "symbol": symbol,
            "action": "CLOSE_LONG",
            "price": float(PRICES[symbol]),
            "timestamp": _now(),
            "id": name or f"c-{_now()}",
        }
    )


async def send(made: Installation, body: bytes, source: str = SOURCE) -> int:
    """Post a signal as its source would, and return its number.

    Raises:
        RunFailed: it was not taken.
    """
    deadline = time.monotonic() + READY_WAIT_S
    while True:
        reply = await ask(made.api, "POST", made.webhook(source), body=body)
        if reply is not None and reply.status == ACCEPTED:
            return int(orjson.loads(reply.body)["signal_id"])
        # 503 is answered while the service still learns which symbols exist.
        if (reply is not None and reply.status != UNAVAILABLE) or time.monotonic() > deadline:
            raise RunFailed(f"a signal was answered {None if reply is None else reply.status}")
        await asyncio.sleep(0.2)


async def settled(connection: Db, signal_id: int, *, timeout_s: float = SETTLE_TIMEOUT_S) -> None:
    """Wait until a signal's work is over.

    Raises:
        RunFailed: it is not in time.
    """
    deadline = time.monotonic() + timeout_s
    while await connection.fetchval("SELECT state::text FROM signal WHERE signal_id = $1", signal_id) != "settled":
        if time.monotonic() > deadline:
            raise RunFailed(f"signal {signal_id} is not settled after {timeout_s:.0f} s")
        await asyncio.sleep(POLL_S)


async def outcomes(connection: Db, signal_id: int) -> list[Outcome]:
    return [Outcome(**dict(row)) for row in await connection.fetch(_OUTCOMES, signal_id)]


async def book(connection: Db, signal_id: int) -> list[Ordered]:
    return [
        Ordered(row["account_id"], row["queued"], row["result"], tuple(row["entry_ids"]))
        for row in await connection.fetch(_BOOK, signal_id)
    ]


async def environments(connection: Db, signal_id: int) -> int:
    return int(await connection.fetchval(_ENVIRONMENTS, signal_id))


async def cleared(made: Installation, connection: Db, *symbols: str) -> None:
    """Close what the drills' accounts hold of some symbols, so that the next drill can open them.

    Raises:
        RunFailed: our book still shows a position long after its close was done.
    """
    for symbol in symbols:
        await settled(connection, await send(made, close_body(symbol), DRILL_SOURCE))
    deadline = time.monotonic() + FLAT_WAIT_S
    while await connection.fetchval(_HELD, list(symbols), drill_accounts(made)):
        if time.monotonic() > deadline:
            raise RunFailed(f"{', '.join(symbols)} was closed and is still held after {FLAT_WAIT_S:.0f} s")
        await asyncio.sleep(POLL_S)


async def open_chunks(connection: Db, signal_id: int) -> int:
    return int(await connection.fetchval("SELECT count(*) FROM chunk WHERE signal_id = $1 AND done_at IS NULL", signal_id))


async def first_entry(made: Installation, last: int) -> bool:
    """Wait until an entry reaches a venue; False when none does."""
    deadline = time.monotonic() + ENTRY_WAIT_S
    while time.monotonic() < deadline:
        if await made.control.ledger(last):
            return True
        await asyncio.sleep(POLL_S)
    return False


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
