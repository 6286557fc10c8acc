"""What venues told about accounts: balances, and the leverage they hold. Written in pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketbot.domain.ids import AccountId, Symbol, UserId
from marketbot.store.pool import Pool


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One look at an account's money, in quote currency."""

    account_id: AccountId
    user_id: UserId
    wallet_balance: Decimal
    available_balance: Decimal
    read_at: datetime


@dataclass(frozen=True, slots=True)
class LeverageRow:
    account_id: AccountId
    user_id: UserId
    symbol: Symbol
    leverage: Decimal


async def write_balances(pool: Pool, rows: Sequence[BalanceRow]) -> None:
    """Keep the newest balance of each account; an older reading changes nothing, and a debt counts as an empty wallet."""
    if not rows:
        return
    await pool.execute(
        """
        INSERT INTO account_reading AS r (account_id, user_id, wallet_balance, available_balance, read_at)
        SELECT account_id, user_id, greatest(wallet, 0), available, read_at
        FROM unnest($1::bigint[], $2::bigint[], $3::numeric[], $4::numeric[], $5::timestamptz[])
             AS n (account_id, user_id, wallet, available, read_at)
        ON CONFLICT (account_id) DO UPDATE SET wallet_balance = excluded.wallet_balance,
            available_balance = excluded.available_balance, read_at = excluded.read_at
        WHERE r.read_at < excluded.read_at
        """,
        [row.account_id for row in rows],
        [row.user_id for row in rows],
        [row.wallet_balance for row in rows],
        [row.available_balance for row in rows],
        [row.read_at for row in rows],
    )


async def write_leverages(pool: Pool, rows: Sequence[LeverageRow]) -> None:
    """Keep what leverage the venue holds for each account and symbol, and when that was made sure of."""
    if not rows:
        return
    await pool.execute(
        """
        INSERT INTO leverage_setting (account_id, user_id, symbol, leverage, set_at)
        SELECT account_id, user_id, symbol, leverage, clock_timestamp()
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::numeric[]) AS n (account_id, user_id, symbol, leverage)
        ON CONFLICT (account_id, symbol) DO UPDATE SET leverage = excluded.leverage, set_at = excluded.set_at
        """,
        [row.account_id for row in rows],
        [row.user_id for row in rows],
        [row.symbol for row in rows],
        [row.leverage for row in rows],
    )


async def touch_leverages(pool: Pool, account_ids: Sequence[AccountId]) -> None:
    """Note that the leverage of accounts was compared with their settings just now."""
    await pool.execute(
        "UPDATE leverage_setting SET set_at = clock_timestamp() WHERE account_id = ANY ($1::bigint[])", list(account_ids)
    )
