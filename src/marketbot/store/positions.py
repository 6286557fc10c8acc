"""Positions as reconciliation needs them: what our books say an account holds, with the run that opened it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketbot.domain.client_order_id import client_order_stem
from marketbot.domain.ids import AccountId, ClientOrderId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.money import ZERO
from marketbot.domain.order import OrderState
from marketbot.domain.position import VenuePosition
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import Environment, Market, Venue
from marketbot.execution.run import IntentRun, LegRun
from marketbot.ports import Credential, Where
from marketbot.store.pool import Pool

LOOSE_FOR = timedelta(hours=1)
"""How long after a position closed its protective orders are still looked for."""
LATELY = timedelta(seconds=30)
DOUBTFUL_FOR = timedelta(days=1)
MAX_DOUBTFUL = 3
"""Entries that came to nothing which are asked for again when a position is there that nobody knows."""

_SQL = Path(__file__).with_name("sql")
OPEN = (_SQL / "load_open_positions.sql").read_text()
ORDERS = (_SQL / "load_position_orders.sql").read_text()
BUSY = (_SQL / "load_busy_symbols.sql").read_text()
DOUBTFUL = (_SQL / "load_doubtful_entries.sql").read_text()
WRITE_FOREIGN = (_SQL / "write_foreign_position.sql").read_text()
HOLDING = (_SQL / "accounts_holding.sql").read_text()
CROSSED = (_SQL / "accounts_crossed.sql").read_text()
IN_DOUBT = (_SQL / "accounts_in_doubt.sql").read_text()
UNCONFIRMED = (_SQL / "load_unconfirmed_orders.sql").read_text()

InstrumentLookup = Callable[[Market, Symbol], Instrument | None]


@dataclass(frozen=True, slots=True)
class BookedPosition:
    """One position by our books. ``run`` opened it, with every order of its legs; None when a person did, at the venue."""

    account_id: AccountId
    user_id: UserId
    symbol: Symbol
    side: PositionSide
    protection: ProtectionState
    qty: Decimal
    entry_price: Decimal
    opened_at: datetime
    run: IntentRun | None

    @property
    def is_open(self) -> bool:
        return self.protection is not ProtectionState.CLOSED


@dataclass(frozen=True, slots=True)
class Books:
    """What is stored about one account's positions, and the symbols in which an intent is still being worked off."""

    positions: tuple[BookedPosition, ...]
    busy: frozenset[Symbol]


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """An account and whom to ask about it."""

    account_id: AccountId
    market: Market
    egress: int
    exposed: bool = False
    """It holds a position of ours that is not known to be protected."""


async def load_books(
    pool: Pool, account_id: AccountId, *, tag: str, credential: Credential, instruments: InstrumentLookup
) -> Books:
    """Read one account's books; a position in an instrument that the market does not list any more is left out."""
    rows = await pool.fetch(OPEN, [account_id], LOOSE_FOR)
    opened = [(row["signal_id"], row["account_id"]) for row in rows if row["signal_id"] is not None]
    orders = await pool.fetch(ORDERS, [each[0] for each in opened], [each[1] for each in opened]) if opened else []
    busy = await pool.fetch(BUSY, [account_id])
    positions = []
    for row in rows:
        instrument = instruments(_market(row), Symbol(row["symbol"]))
        if instrument is not None:
            positions.append(_booked(row, orders, tag, credential, instrument))
    return Books(tuple(positions), frozenset(Symbol(row["symbol"]) for row in busy))


async def doubtful_entries(
    pool: Pool,
    account_id: AccountId,
    market: Market,
    held: VenuePosition,
    *,
    tag: str,
    credential: Credential,
    instrument: Instrument,
) -> list[IntentRun]:
    """Return runs whose entry came to nothing by our books and that could have made this position, the latest first."""
    found = await pool.fetch(DOUBTFUL, account_id, instrument.symbol, held.side.value, DOUBTFUL_FOR, MAX_DOUBTFUL)
    runs = []
    for row in found:
        full = {
            **dict(row),
            "venue": market.venue,
            "environment": market.environment,
            "symbol": instrument.symbol,
            "side": held.side,
        }
        run = _run({**full, "qty": held.qty}, tag, credential, instrument)
        for order in await pool.fetch(ORDERS, [row["signal_id"]], [account_id]):
            if order["side"] == held.side:
                run.legs[Leg(order["leg"])] = _leg(order)
        runs.append(run)
    return runs


@dataclass(frozen=True, slots=True)
class Doubt:
    """An order of which nobody knows and on which nobody works. ``is_held``: there is a position on its side, ``is_its_own``: and it is
    the one that the order belongs to."""

    run: IntentRun
    leg: LegRun
    is_held: bool
    is_its_own: bool


async def unconfirmed_orders(
    pool: Pool,
    account_id: AccountId,
    older_than: timedelta,
    limit: int,
    *,
    tag: str,
    credential: Credential,
    instruments: InstrumentLookup,
) -> list[Doubt]:
    """Return an account's orders that are in doubt although their chunk is done, the oldest first."""
    found = []
    for row in await pool.fetch(UNCONFIRMED, account_id, older_than, limit):
        instrument = instruments(_market(row), Symbol(row["symbol"]))
        if instrument is None:
            continue
        run = _run(row, tag, credential, instrument)
        for order in await pool.fetch(ORDERS, [row["signal_id"]], [account_id]):
            if (order["leg"], order["attempt"]) == (row["leg"], row["attempt"]):
                leg = _leg(order)
                run.legs[leg.leg] = leg
                if leg.state is OrderState.UNCONFIRMED:
                    found.append(Doubt(run, leg, row["held_by"] is not None, row["held_by"] == row["signal_id"]))
    return found


async def write_foreign(pool: Pool, account_id: AccountId, user_id: UserId, symbol: Symbol, held: VenuePosition) -> None:
    """Write down a position that a person opened, so that planning counts it."""
    await pool.execute(
        WRITE_FOREIGN,
        account_id,
        user_id,
        symbol,
        held.side.value,
        held.qty,
        held.entry_price,
        held.stop_price,
        held.target_price,
    )


async def close_foreign(pool: Pool, position: BookedPosition) -> None:
    await pool.execute(
        """
        UPDATE position SET protection = 'closed', qty = 0, closed_at = clock_timestamp(), closed_by = 'venue',
                            changed_at = clock_timestamp()
        WHERE account_id = $1 AND user_id = $2 AND symbol = $3 AND side = $4 AND signal_id IS NULL AND protection <> 'closed'
        """,
        position.account_id,
        position.user_id,
        position.symbol,
        position.side.value,
    )


async def write_quantity(pool: Pool, position: BookedPosition, held: VenuePosition) -> None:
    """Take the venue's quantity and entry price over: about what is held, the venue is right."""
    await pool.execute(
        """
        UPDATE position SET qty = $5, entry_price = $6, changed_at = clock_timestamp()
        WHERE account_id = $1 AND user_id = $2 AND symbol = $3 AND side = $4 AND protection <> 'closed'
        """,
        position.account_id,
        position.user_id,
        position.symbol,
        position.side.value,
        held.qty,
        held.entry_price,
    )


async def was_placed_lately(pool: Pool, account_id: AccountId, client_order_id: str) -> bool:
    """Tell whether an order of ours was stored so short a time ago that what it belongs to may not show yet."""
    return bool(
        await pool.fetchval(
            """
            SELECT EXISTS (SELECT 1 FROM orders WHERE client_order_id = $1 AND account_id = $2
                           AND created_at > clock_timestamp() - $3::interval)
            """,
            client_order_id,
            account_id,
            LATELY,
        )
    )


async def owner_of(pool: Pool, account_id: AccountId) -> tuple[UserId, Market] | None:
    """Return whose account it is and where."""
    row = await pool.fetchrow("SELECT user_id, venue, environment FROM account WHERE account_id = $1", account_id)
    return None if row is None else (UserId(row["user_id"]), _market(row))


async def accounts_holding(pool: Pool, markets: Sequence[Market], where: Where) -> list[AccountPlace]:
    """Return the accounts with open positions, those first that hold one without protection."""
    rows = await pool.fetch(HOLDING, [str(market) for market in markets], where.slots, where.egresses)
    return [AccountPlace(AccountId(row["account_id"]), _market(row), row["egress"], row["exposed"]) for row in rows]


async def accounts_ready(pool: Pool, markets: Sequence[Market], after: AccountId, limit: int, where: Where) -> list[AccountPlace]:
    """Return a page of all accounts that may trade, by ascending id."""
    rows = await pool.fetch(
        """
        SELECT account_id, venue, environment, egress FROM account
        WHERE account_id > $1 AND status = 'ready' AND (venue || '/' || environment::text) = ANY ($2::text[])
          AND ($4::int[] IS NULL OR slot_of(egress, account_id, $5) = ANY ($4))
        ORDER BY account_id LIMIT $3
        """,
        after,
        [str(market) for market in markets],
        limit,
        where.slots,
        where.egresses,
    )
    return [AccountPlace(AccountId(row["account_id"]), _market(row), row["egress"]) for row in rows]


async def accounts_crossed(
    pool: Pool, prices: Mapping[tuple[Market, Symbol], Decimal], limit: int, where: Where
) -> list[AccountPlace]:
    """Return accounts whose stop or target lies beyond the price of its instrument."""
    if not prices:
        return []
    rows = await pool.fetch(
        CROSSED,
        [market.venue for market, _ in prices],
        [market.environment.value for market, _ in prices],
        [symbol for _, symbol in prices],
        list(prices.values()),
        limit,
        where.slots,
        where.egresses,
    )
    return [AccountPlace(AccountId(row["account_id"]), _market(row), row["egress"]) for row in rows]


async def accounts_in_doubt(
    pool: Pool, markets: Sequence[Market], older_than: timedelta, leave_out: Sequence[AccountId], limit: int, where: Where
) -> list[AccountPlace]:
    """Return accounts with an order that is in doubt although its chunk is done, those first that have been so for longest."""
    rows = await pool.fetch(
        IN_DOUBT, [str(market) for market in markets], where.slots, where.egresses, older_than, list(leave_out), limit
    )
    return [AccountPlace(AccountId(row["account_id"]), _market(row), row["egress"]) for row in rows]


async def held_symbols(pool: Pool) -> list[Symbol]:
    """Return the symbols in which some account holds a position of ours."""
    rows = await pool.fetch("SELECT DISTINCT symbol FROM position WHERE protection <> 'closed' AND signal_id IS NOT NULL")
    return [Symbol(row["symbol"]) for row in rows]


def _booked(row: Any, orders: Sequence[Any], tag: str, credential: Credential, instrument: Instrument) -> BookedPosition:
    run = None
    if row["signal_id"] is not None:
        run = _run(row, tag, credential, instrument)
        for order in orders:
            if (order["signal_id"], order["side"]) == (row["signal_id"], row["side"]):
                leg = _leg(order)
                run.legs[leg.leg] = leg
    return BookedPosition(
        account_id=AccountId(row["account_id"]),
        user_id=UserId(row["user_id"]),
        symbol=Symbol(row["symbol"]),
        side=PositionSide(row["side"]),
        protection=ProtectionState(row["protection"]),
        qty=row["qty"],
        entry_price=row["entry_price"],
        opened_at=row["opened_at"],
        run=run,
    )


def _run(row: Any, tag: str, credential: Credential, instrument: Instrument) -> IntentRun:
    account_id, signal_id = AccountId(row["account_id"]), SignalId(row["signal_id"])
    return IntentRun(
        signal_id=signal_id,
        account_id=account_id,
        user_id=UserId(row["user_id"]),
        lane=Lane.RISK_REDUCING,
        market=_market(row),
        symbol=Symbol(row["symbol"]),
        instrument=instrument,
        side=PositionSide(row["side"]),
        qty=row["qty"],
        leverage=row["leverage"],
        stop_price=row["stop_price"],
        target_price=row["target_price"],
        stem=client_order_stem(tag, signal_id, account_id),
        received_at=row["received_at"],
        expires_at=row["received_at"],
        credential=credential,
        resumed=False,
        attempts=1,
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


def _market(row: Any) -> Market:
    return Market(Venue(row["venue"]), Environment(row["environment"]))
