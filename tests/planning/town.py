"""Builds rows the way the rest of the program would, in bulk, and a planner with a clock and prices that stand still."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from marketbot.domain.ids import AccountId, SignalId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import Market
from marketbot.planning.planner import Planner
from marketbot.store.planning import PostgresPlanning
from marketbot.store.pool import Pool

TAG = "abc123"
BTC = "BTCUSDT"


@dataclass
class StillClock:
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class OnePrice:
    """Every instrument at every market stands at 100 and was read a second ago."""

    def get(self, market: Market, symbol: Symbol) -> tuple[Decimal, float] | None:
        return Decimal(100), 1.0


class OneGrid:
    def get(self, market: Market, symbol: Symbol) -> Instrument | None:
        return Instrument(
            symbol=symbol,
            venue_symbol=symbol,
            tick_size=Decimal("0.1"),
            lot_size=Decimal("0.001"),
            min_qty=Decimal("0.001"),
            max_market_qty=Decimal(1000),
            min_notional=Decimal(5),
        )


@dataclass
class Town:
    """One source that every account follows unless said otherwise."""

    pool: Pool
    source_id: int
    clock: StillClock = field(default_factory=StillClock)
    number: int = 0

    @classmethod
    async def found(cls, pool: Pool) -> Town:
        await pool.execute("INSERT INTO installation (tag, profile) VALUES ($1, 'simulation') ON CONFLICT DO NOTHING", TAG)
        town = cls(pool, 0)
        town.source_id = await town.source("room")
        return town

    async def source(self, name: str) -> int:
        source_id: int = await self.pool.fetchval(
            "INSERT INTO source (name, kind, secret_sha256) VALUES ($1, 'webhook', 'x') RETURNING source_id", name
        )
        return source_id

    async def user(self) -> int:
        self.number += 1
        user_id: int = await self.pool.fetchval(
            "INSERT INTO app_user (name) VALUES ($1) RETURNING user_id", f"user {self.number}"
        )
        return user_id

    async def account(
        self, user_id: int | None = None, *, balance: str | None = "1000", follows: bool = True, **columns: Any
    ) -> AccountId:
        self.number += 1
        values = {
            "user_id": user_id if user_id is not None else await self.user(),
            "label": f"account {self.number}",
            "venue": "binance",
            "environment": "mainnet",
            "status": "ready",
            "api_key_sealed": b"",
            "api_secret_sealed": b"",
            "api_key_fingerprint": f"{self.number}".encode(),
        } | columns
        places = ", ".join(f"${index}" for index in range(1, len(values) + 1))
        account_id: int = await self.pool.fetchval(
            f"INSERT INTO account ({', '.join(values)}) VALUES ({places}) RETURNING account_id", *values.values()
        )
        if balance is not None:
            await self.pool.execute(
                "INSERT INTO account_reading VALUES ($1, $2, $3, $3, $4)",
                account_id,
                values["user_id"],
                Decimal(balance),
                self.clock.now(),
            )
        if follows:
            await self.follow(account_id)
        return AccountId(account_id)

    async def follow(self, account_id: int, source_id: int | None = None) -> None:
        await self.pool.execute("INSERT INTO follow VALUES ($1, $2)", source_id or self.source_id, account_id)

    async def crowd(self, count: int, *, venue: str = "binance", environment: str = "mainnet", egresses: int = 1) -> None:
        """Make ``count`` users with one plain account each, all followers."""
        await self.pool.execute(
            """
            WITH made AS (
                INSERT INTO app_user (name) SELECT $2 || '/' || $3 || ' ' || n FROM generate_series(1, $1::int) n
                RETURNING user_id, name),
            opened AS (
                INSERT INTO account (user_id, label, venue, environment, status, egress, api_key_sealed, api_secret_sealed,
                                     api_key_fingerprint)
                SELECT user_id, 'main', $2, $3::text::environment, 'ready', user_id % $4, '', '', convert_to(name, 'UTF8')
                FROM made ORDER BY user_id RETURNING account_id, user_id),
            read AS (
                INSERT INTO account_reading SELECT account_id, user_id, 1000, 1000, $5 FROM opened)
            INSERT INTO follow SELECT $6, account_id FROM opened
            """,
            count,
            venue,
            environment,
            egresses,
            self.clock.now(),
            self.source_id,
        )

    async def position(self, account_id: int, side: str = "long", *, symbol: str = BTC, **columns: Any) -> None:
        values = {
            "account_id": account_id,
            "user_id": await self.pool.fetchval("SELECT user_id FROM account WHERE account_id = $1", account_id),
            "symbol": symbol,
            "side": side,
            "protection": "closed" if "closed_at" in columns else "protected",
            "qty": Decimal(2),
            "entry_price": Decimal(100),
            "stop_price": Decimal(98),
            "opened_at": self.clock.now(),
        } | columns
        places = ", ".join(f"${index}" for index in range(1, len(values) + 1))
        await self.pool.execute(f"INSERT INTO position ({', '.join(values)}) VALUES ({places})", *values.values())
        if values.get("realized_pnl") is not None:
            await self.pool.execute(
                "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result) VALUES ($1, $2, $3, $4, $5, $6)",
                *(values[name] for name in ("account_id", "closed_at", "symbol", "side", "user_id", "realized_pnl")),
            )

    async def signal(
        self, action: str = "open_long", *, symbol: str = BTC, source_id: int | None = None, age_s: float = 0
    ) -> SignalId:
        self.number += 1
        signal_id: int = await self.pool.fetchval(
            "INSERT INTO signal (source_id, dedup_key, action, symbol, body, received_at) VALUES ($1, $2, $3, $4, $5, $6)"
            " RETURNING signal_id",
            source_id or self.source_id,
            f"signal {self.number}",
            action,
            symbol,
            json.dumps({}),
            self.clock.now() - timedelta(seconds=age_s),
        )
        return SignalId(signal_id)

    def planner(self) -> Planner:
        return Planner(PostgresPlanning(self.pool, TAG), OnePrice(), OneGrid(), self.clock)

    async def reasons(self, signal_id: int) -> dict[int, str | None]:
        """Return account -> reason of its denial, None where it is queued."""
        rows = await self.pool.fetch("SELECT account_id, reason FROM intent WHERE signal_id = $1", signal_id)
        return {row["account_id"]: row["reason"] for row in rows}

    async def state(self, signal_id: int) -> str:
        state: str = await self.pool.fetchval("SELECT state FROM signal WHERE signal_id = $1", signal_id)
        return state
