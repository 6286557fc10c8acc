"""From rows to runs: what a worker must know to carry a chunk's intents out, at the first attempt or a later one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketbot.domain.client_order_id import client_order_stem
from marketbot.domain.errors import MarketBotError
from marketbot.domain.ids import AccountId, ClientOrderId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.money import ZERO
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import Market
from marketbot.execution.run import ClaimedChunk, IntentRun, LegRun
from marketbot.ports import Credential
from marketbot.store.pool import Pool

_SQL = Path(__file__).with_name("sql")
INTENTS = (_SQL / "load_intents.sql").read_text()
ORDERS = (_SQL / "load_orders.sql").read_text()
GUARDS = (_SQL / "load_guards.sql").read_text()


_SIDES = {side.value: side for side in PositionSide}


class InstrumentUnknownError(MarketBotError):
    """A chunk is for an instrument that its market does not list now."""


async def load_runs(
    pool: Pool,
    chunk: ClaimedChunk,
    *,
    tag: str,
    credentials: Mapping[AccountId, Credential],
    instruments: Callable[[Market, Symbol], Instrument | None],
    window: timedelta,
) -> list[IntentRun]:
    """Return the runs of a chunk that have no outcome yet.

    At a first attempt no order can have been sent, and the orders' ids follow from the intent: they are not read back.

    Raises:
        InstrumentUnknownError: the market's instruments are not loaded (yet).
    """
    account_ids = list(chunk.account_ids)
    rows = await pool.fetch(INTENTS, chunk.signal_id, account_ids)
    runs: list[IntentRun] = []
    instrument: Instrument | None = None
    now = datetime.now(UTC)
    for row in rows:
        if row["is_done"] or row["account_id"] not in credentials:
            continue
        if instrument is None:
            instrument = instruments(chunk.market, Symbol(row["symbol"]))
            if instrument is None:
                raise InstrumentUnknownError(
                    f"{chunk.market} does not list {row['symbol']}, or its instruments are not loaded yet"
                )
        runs.append(_run(chunk, row, tag, credentials[row["account_id"]], instrument, window, now))
    if chunk.attempts > 1 or chunk.lane is Lane.RISK_REDUCING:
        await _load_legs(pool, chunk, runs)
    if chunk.lane is Lane.RISK_REDUCING:
        await load_guards(pool, runs, tag)
    return runs


def _run(
    chunk: ClaimedChunk, row: Any, tag: str, credential: Credential, instrument: Instrument, window: timedelta, now: datetime
) -> IntentRun:
    account_id = AccountId(row["account_id"])
    received_at: datetime = row["received_at"]
    run = IntentRun(
        signal_id=chunk.signal_id,
        account_id=account_id,
        user_id=UserId(row["user_id"]),
        lane=chunk.lane,
        market=chunk.market,
        symbol=Symbol(row["symbol"]),
        instrument=instrument,
        side=_SIDES[row["side"]],
        qty=row["qty"] if row["qty"] is not None else ZERO,
        leverage=row["leverage"],
        stop_price=row["stop_price"],
        target_price=row["target_price"],
        stem=client_order_stem(tag, chunk.signal_id, account_id),
        received_at=received_at,
        expires_at=received_at + window,
        credential=credential,
        resumed=chunk.attempts > 1,
        attempts=chunk.attempts,
        leverage_set=row["leverage_set"],
        quarantined=row["status"] != "ready",
        superseded=row["superseded"],
        restored=row["restored"],
    )
    run.claimed_ms = run.since_received_ms(now)
    if chunk.lane is Lane.RISK_REDUCING:
        run.add_leg(Leg.EXIT, 0)
    else:
        run.add_leg(Leg.ENTRY, 0)
        run.add_leg(Leg.STOP_LOSS, 0, run.stop_price)
        run.add_leg(Leg.TAKE_PROFIT, 0, run.target_price)
    return run


async def _load_legs(pool: Pool, chunk: ClaimedChunk, runs: Sequence[IntentRun]) -> None:
    """Put every order of the runs where it stands; rows come attempt by attempt, and the last attempt at a leg is the one in force."""
    by_account = {run.account_id: run for run in runs}
    for row in await pool.fetch(ORDERS, chunk.signal_id, list(by_account)):
        run = by_account[row["account_id"]]
        leg = _leg(row)
        if row["side"] != run.side:
            if run.opposite is None:
                run.opposite = replace(run, side=PositionSide(row["side"]), legs={}, opposite=None)
            run = run.opposite
        run.legs[leg.leg] = leg
        if leg.leg is Leg.ENTRY and leg.filled_qty > 0:
            run.filled_at = row["changed_at"]


async def load_guards(pool: Pool, runs: Sequence[IntentRun], tag: str) -> None:
    """Put beside exits of one instrument the runs that opened what they close, as our books have them now."""
    if not runs:
        return
    both = [side for run in runs for side in (run, run.opposite) if side is not None]
    for each in both:
        each.guards = None
    by_account = {(run.account_id, run.side): run for run in both}
    for row in await pool.fetch(GUARDS, [run.account_id for run in runs], runs[0].symbol):
        run = by_account.get((row["account_id"], PositionSide(row["side"])))
        if run is None:
            continue
        if run.guards is None:
            run.guards = guards_of(run, SignalId(row["opening_signal_id"]), tag, row["held_qty"])
        leg = _leg(row)
        run.guards.legs[leg.leg] = leg


def guards_of(run: IntentRun, opening: SignalId, tag: str, held_qty: Decimal | None) -> IntentRun:
    """Return the run that opened what ``run`` closes, without its legs. ``held_qty``: what our books know for certain to be held."""
    return IntentRun(
        signal_id=opening,
        account_id=run.account_id,
        user_id=run.user_id,
        lane=run.lane,
        market=run.market,
        symbol=run.symbol,
        instrument=run.instrument,
        side=run.side,
        qty=held_qty or ZERO,
        leverage=None,
        stop_price=None,
        target_price=None,
        stem=client_order_stem(tag, opening, run.account_id),
        received_at=run.received_at,
        expires_at=run.expires_at,
        credential=run.credential,
        resumed=False,
        attempts=run.attempts,
    )


def _leg(row: Any) -> LegRun:
    return LegRun(
        leg=Leg(row["leg"]),
        attempt=row["attempt"],
        client_order_id=ClientOrderId(row["client_order_id"]),
        trigger_price=row["trigger_price"],
        state=OrderState(row["state"]),
        seq=row["last_seq"],
        venue_order_id=row["venue_order_id"],
        filled_qty=row["filled_qty"] if row["filled_qty"] is not None else ZERO,
        average_price=row["average_price"] if row["average_price"] is not None else ZERO,
    )
