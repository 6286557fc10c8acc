"""Tells other processes of an address's ban, and learns of theirs: the venue bans the address, not the process."""

from __future__ import annotations

from datetime import datetime, timedelta

from marketbot.domain.venue import Market
from marketbot.ports import Clock, EgressNews
from marketbot.venues.pace import Pace

MAX_BAN_S = 86_400.0
"""A longer one that somebody tells of is cut: what is really banned for longer says so again."""


def share_bans(market: Market, pace: Pace, news: EgressNews, clock: Clock) -> None:
    """Connect one market's budgets with what other processes publish. What was published by this very process changes nothing."""

    def tell(egress: int, seconds: float) -> None:
        news.publish(market, egress, clock.now() + timedelta(seconds=min(seconds, MAX_BAN_S)))

    def learn(of: Market, egress: int, until: datetime) -> None:
        seconds = (until - clock.now()).total_seconds()
        if of == market and seconds > 0 and 0 <= egress < pace.egresses:
            pace.learn_block(egress, min(seconds, MAX_BAN_S))

    pace.on_block = tell
    news.on_block(learn)
