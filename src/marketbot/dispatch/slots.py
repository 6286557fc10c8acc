"""How many accounts are on their way at once, by lane and by market; and so which lane may claim next.

Lanes are strict: a lower one claims only what the higher ones leave. Two shares soften that without breaking it: risk-reducing
orders have room of their own that no entry can take, and practice accounts keep a small share of the entries' room, lent to
real money whenever nobody practises. A market that is slow fills only its own room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from marketbot.domain.lane import Lane
from marketbot.domain.venue import Market

ENTRIES_MAX = 800
RISK_REDUCING_MAX = 1_000
TESTNET_KEPT = 100
MARKET_MAX = 400
"""Entries of one market on their way at once."""
CHUNK_ACCOUNTS = 100
"""What a chunk is reckoned to hold when room is turned into a number of chunks."""


@dataclass(slots=True)
class Slots:
    """Counts accounts from claim until their first answer (an account that waits or is looked up holds no slot)."""

    by_lane: Counter[Lane] = field(default_factory=Counter)
    by_market: Counter[Market] = field(default_factory=Counter)

    def take(self, lane: Lane, market: Market, accounts: int) -> None:
        self.by_lane[lane] += accounts
        if lane is not Lane.RISK_REDUCING:
            self.by_market[market] += accounts

    def free(self, lane: Lane, market: Market, accounts: int = 1) -> None:
        self.by_lane[lane] -= accounts
        if lane is not Lane.RISK_REDUCING:
            self.by_market[market] -= accounts

    def full_markets(self) -> list[Market]:
        return [market for market, accounts in self.by_market.items() if accounts >= MARKET_MAX]

    def __repr__(self) -> str:
        lanes = " ".join(f"{lane.name.lower()}={self.by_lane[lane]}" for lane in Lane)
        return f"<Slots {lanes}>"


def claims(in_flight: Mapping[Lane, int], waiting: Mapping[Lane, int]) -> Iterator[tuple[Lane, int]]:
    """Yield which lanes to claim from, in order, and how many chunks of each. Pure."""
    if waiting.get(Lane.RISK_REDUCING, 0):
        room = RISK_REDUCING_MAX - in_flight.get(Lane.RISK_REDUCING, 0)
        if room > 0:
            yield Lane.RISK_REDUCING, _chunks(room)
    mainnet, testnet = in_flight.get(Lane.MAINNET, 0), in_flight.get(Lane.TESTNET, 0)
    room = ENTRIES_MAX - mainnet - testnet
    kept = max(0, TESTNET_KEPT - testnet) if waiting.get(Lane.TESTNET, 0) else 0
    if waiting.get(Lane.MAINNET, 0) and room - kept > 0:
        chunks = min(_chunks(room - kept), waiting[Lane.MAINNET])
        yield Lane.MAINNET, chunks
        room -= chunks * CHUNK_ACCOUNTS
    # What mainnet leaves, and never less than the kept share: mainnet may have borrowed it and given it back by now.
    room = max(room, kept)
    if waiting.get(Lane.TESTNET, 0) and room > 0:
        yield Lane.TESTNET, _chunks(room)


def _chunks(room: int) -> int:
    return max(1, room // CHUNK_ACCOUNTS)
