"""Rows for tests of the queue and the journal: users, accounts, signals, intents, chunks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg

from marketbot.domain.client_order_id import client_order_id, client_order_stem
from marketbot.domain.ids import AccountId, SignalId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import BINANCE, Environment, Market
from marketbot.execution.run import IntentRun
from marketbot.ports import Credential

TAG = "abc123"
MARKET = Market(BINANCE, Environment.MAINNET)
SYMBOL = Symbol("BTCUSDT")
WINDOW = timedelta(seconds=120)
RECEIVED_AT = datetime(2026, 1, 2, tzinfo=UTC)


def instrument() -> Instrument:
    return Instrument(
        symbol=SYMBOL,
        venue_symbol="BTCUSDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_market_qty=Decimal(1_000),
        min_notional=Decimal(5),
    )


def credential(account_id: AccountId) -> Credential:
    return Credential(account_id=account_id, api_key="k", secret=b"s")


async def make_accounts(connection: asyncpg.Connection[asyncpg.Record], wanted: int) -> list[AccountId]:
    user_id = await connection.fetchval("INSERT INTO app_user (name) VALUES ('ana') RETURNING user_id")
    rows = await connection.fetch(
        """INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, status)
           SELECT $1, 'a' || n, 'binance', 'mainnet', '', '', decode(lpad(to_hex(n), 8, '0'), 'hex'), 'ready'
           FROM generate_series(1, $2) AS n RETURNING account_id""",
        user_id,
        wanted,
    )
    return [AccountId(row["account_id"]) for row in rows]


async def make_signal(connection: asyncpg.Connection[asyncpg.Record], action: str = "open_long") -> SignalId:
    """Store a planned signal of the one source."""
    await connection.execute(
        "INSERT INTO source (name, kind, secret_sha256) VALUES ('club', 'webhook', '\\x00') ON CONFLICT DO NOTHING"
    )
    number = await connection.fetchval(
        """INSERT INTO signal (source_id, dedup_key, action, symbol, body, state)
           SELECT source_id, (SELECT count(*) FROM signal)::text, $1, $2, '', 'planned' FROM source RETURNING signal_id""",
        action,
        SYMBOL,
    )
    return SignalId(number)


async def make_intents(
    connection: asyncpg.Connection[asyncpg.Record],
    signal_id: SignalId,
    account_ids: Sequence[AccountId],
    *,
    lane: Lane = Lane.MAINNET,
    legs: Sequence[tuple[Leg, int, PositionSide]] = (
        (Leg.ENTRY, 0, PositionSide.LONG),
        (Leg.STOP_LOSS, 0, PositionSide.LONG),
        (Leg.TAKE_PROFIT, 0, PositionSide.LONG),
    ),
) -> None:
    """Store a queued intent with its planned orders for each account."""
    for account_id in account_ids:
        user_id = await connection.fetchval("SELECT user_id FROM account WHERE account_id = $1", account_id)
        await connection.execute(
            """INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, qty, leverage, reference_price, stop_price,
                                   target_price, planned_at)
               VALUES ($1, $2, $3, $4, 'queued', 'long', 1, 5, 100, 98, 103, now())""",
            signal_id,
            account_id,
            user_id,
            lane,
        )
        stem = client_order_stem(TAG, signal_id, account_id)
        for leg, attempt, side in legs:
            await connection.execute(
                """INSERT INTO orders (signal_id, account_id, leg, attempt, user_id, client_order_id, symbol, side, qty,
                                       trigger_price, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, now())""",
                signal_id,
                account_id,
                leg,
                attempt,
                user_id,
                client_order_id(stem, leg, attempt),
                SYMBOL,
                side,
                {Leg.STOP_LOSS: Decimal(98), Leg.TAKE_PROFIT: Decimal(103)}.get(leg),
            )


async def make_chunk(
    connection: asyncpg.Connection[asyncpg.Record],
    signal_id: SignalId,
    lane: Lane = Lane.MAINNET,
    account_ids: Sequence[AccountId] = (AccountId(1),),
    market: Market = MARKET,
) -> int:
    number: int = await connection.fetchval(
        "INSERT INTO chunk (signal_id, lane, venue, environment, account_ids) VALUES ($1, $2, $3, $4, $5) RETURNING chunk_id",
        signal_id,
        lane,
        market.venue,
        market.environment,
        account_ids,
    )
    return number


def make_run(account_id: int, signal_id: int = 1, *, user_id: int = 1) -> IntentRun:
    """Return a run with its three legs planned, as a first attempt has it."""
    run = IntentRun(
        signal_id=SignalId(signal_id),
        account_id=AccountId(account_id),
        user_id=UserId(user_id),
        lane=Lane.MAINNET,
        market=MARKET,
        symbol=SYMBOL,
        instrument=instrument(),
        side=PositionSide.LONG,
        qty=Decimal(1),
        leverage=Decimal(5),
        stop_price=Decimal(98),
        target_price=Decimal(103),
        stem=client_order_stem(TAG, SignalId(signal_id), AccountId(account_id)),
        received_at=RECEIVED_AT,
        expires_at=RECEIVED_AT + WINDOW,
        credential=credential(AccountId(account_id)),
        resumed=False,
        attempts=1,
    )
    run.add_leg(Leg.ENTRY, 0)
    run.add_leg(Leg.STOP_LOSS, 0, run.stop_price)
    run.add_leg(Leg.TAKE_PROFIT, 0, run.target_price)
    return run
