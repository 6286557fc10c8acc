"""Rows of one page -> facts. Pure, and careful with time: it runs once for every account of every signal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketbot.domain.ids import AccountId, SignalId, Symbol, UserId
from marketbot.domain.money import ZERO
from marketbot.domain.policy import Wishes
from marketbot.domain.side import PositionSide
from marketbot.domain.signal import Action
from marketbot.domain.venue import Environment, Market, Venue
from marketbot.planning.facts import AccountFacts, AccountStatus, Holding, SignalFacts
from marketbot.planning.ports import Row

MAX_WISHES = 1_024
"""Distinct sets of wishes remembered at once; past it the memory starts over."""


def signal_facts(row: Row) -> SignalFacts:
    """Read one accepted signal."""
    return SignalFacts(
        signal_id=SignalId(row["signal_id"]),
        source_id=row["source_id"],
        action=Action(row["action"]),
        symbol=Symbol(row["symbol"]),
        price=row["price"],
        sent_at=row["sent_at"],
        received_at=row["received_at"],
        plan_lane=row["plan_lane"],
        plan_after=row["plan_after"],
        superseded=row["superseded"],
    )


class WishBook:
    """The same wishes as the same object: most accounts of an operator wish alike."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Wishes] = {}

    def read(self, row: Row) -> Wishes:
        """Return the wishes that stand in an account's row."""
        allowed, denied = row["allowed_symbols"], row["denied_symbols"]
        key = (
            row["leverage"],
            row["stop_multiplier"],
            row["target_multiplier"],
            row["position_size_pct"],
            row["max_positions"],
            row["cooldown_min"],
            row["daily_loss_limit"],
            None if allowed is None else tuple(allowed),
            tuple(denied),
        )
        wishes = self._known.get(key)
        if wishes is None:
            if len(self._known) >= MAX_WISHES:
                self._known.clear()
            wishes = self._known[key] = Wishes(
                *key[:7],
                allowed_symbols=None if allowed is None else frozenset(allowed),
                denied_symbols=frozenset(denied),
            )
        return wishes


class PageReading:
    """What is known of the accounts of one page. ``entries`` counts on as the page's own entries are decided."""

    def __init__(self, signal: SignalFacts, followers: Sequence[Row], wishes: WishBook) -> None:
        self.followers = followers
        self._signal = signal
        self._wishes = wishes
        self._owners: dict[AccountId, UserId] = {row["account_id"]: row["user_id"] for row in followers}
        self._holdings: dict[AccountId, dict[tuple[Symbol, PositionSide], Holding]] = {}
        self._closed_at: dict[AccountId, datetime] = {}
        self._realized: dict[AccountId, Decimal] = {}
        self._pledged: dict[AccountId, Decimal] = {}
        self._entries: dict[UserId, int] = {}
        self._markets: dict[tuple[str, str], Market] = {}

    @property
    def account_ids(self) -> list[AccountId]:
        return list(self._owners)

    @property
    def user_ids(self) -> list[UserId]:
        return list(set(self._owners.values()))

    def add_positions(self, rows: Iterable[Row]) -> None:
        """Take in what is open, and of what is closed the time."""
        for row in rows:
            account_id, closed_at = row["account_id"], row["closed_at"]
            if not self._is_owner(row):
                continue
            if closed_at is None:
                side = _SIDES[row["side"]]
                held = Holding(row["symbol"], side, row["qty"], row["qty"] * row["entry_price"], opened_at=row["opened_at"])
                self._holdings.setdefault(account_id, {})[row["symbol"], side] = held
                continue
            if row["symbol"] == self._signal.symbol:
                last = self._closed_at.get(account_id)
                self._closed_at[account_id] = closed_at if last is None else max(last, closed_at)

    def add_results(self, rows: Iterable[Row]) -> None:
        """Take in what the day has brought so far."""
        for row in rows:
            if self._is_owner(row):
                self._realized[row["account_id"]] = row["result"]

    def add_entries_on_their_way(self, rows: Iterable[Row]) -> None:
        """Take in entries of other signals that may become positions; they hold margin already."""
        for row in rows:
            if not self._is_owner(row):
                continue
            account_id, side = row["account_id"], PositionSide(row["side"])
            held = self._holdings.setdefault(account_id, {})
            if (row["symbol"], side) in held:
                continue
            notional = row["qty"] * row["reference_price"]
            held[row["symbol"], side] = Holding(row["symbol"], side, row["qty"], notional, pending=True)
            self._pledged[account_id] = self._pledged.get(account_id, ZERO) + notional / row["leverage"]

    def add_operations(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._entries[row["user_id"]] = row["operations"]

    def count_entry(self, user_id: UserId) -> None:
        """Count an entry that was decided on this page."""
        self._entries[user_id] = self._entries.get(user_id, 0) + 1

    def facts(self, row: Row) -> AccountFacts:
        """Return what is known of one follower."""
        account_id, user_id = row["account_id"], row["user_id"]
        held = self._holdings.get(account_id)
        available = row["available_balance"]
        if available is not None and account_id in self._pledged:
            available -= self._pledged[account_id]
        return AccountFacts(
            account_id=account_id,
            user_id=user_id,
            market=self.market(row),
            egress=row["egress"],
            status=_STATUS[row["status"]],
            paused=row["paused"],
            reduce_only=row["reduce_only"],
            hedge_mode=row["hedge_mode"],
            wishes=self._wishes.read(row),
            wallet_balance=row["wallet_balance"],
            available_balance=available,
            read_at=row["read_at"],
            holdings=tuple(held.values()) if held else (),
            closed_at=self._closed_at.get(account_id),
            operations_last_minute=self._entries.get(user_id, 0),
            realized_loss=max(ZERO, -self._realized[account_id]) if account_id in self._realized else ZERO,
        )

    def market(self, row: Row) -> Market:
        """Return the market of a follower's row."""
        key = (row["venue"], row["environment"])
        market = self._markets.get(key)
        if market is None:
            market = self._markets[key] = Market(Venue(key[0]), Environment(key[1]))
        return market

    def _is_owner(self, row: Row) -> bool:
        """A row counts only for the user whose account it names."""
        return bool(self._owners.get(row["account_id"]) == row["user_id"])


_SIDES = {side.value: side for side in PositionSide}
_STATUS = {status.value: status for status in AccountStatus}
