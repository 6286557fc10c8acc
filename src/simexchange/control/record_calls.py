"""Show what happened: ledger, positions, protection, traffic."""

import resource
from dataclasses import asdict
from typing import Any

from simexchange.control.call import ControlCall
from simexchange.engine.account import Account, Position
from simexchange.engine.order import Conditional
from simexchange.engine.protection import is_covered
from simexchange.engine.vocabulary import Side

LEDGER_PAGE_DEFAULT = 100_000


def ledger(call: ControlCall) -> dict[str, Any]:
    """GET /ledger?after=SEQ&limit=N: entries after a number, and the number to ask after next."""
    after = call.query_integer("after", 0)
    entries = call.world.ledger.after(after, call.query_integer("limit", LEDGER_PAGE_DEFAULT))
    return {"entries": entries, "next": after + len(entries), "last": len(call.world.ledger.entries)}


def positions(call: ControlCall) -> dict[str, Any]:
    """GET /positions?venue=&environment=: what is open, with the stop and target that rest for it."""
    rows = []
    for place in call.places():
        market = call.world.markets[place]
        for account in market.accounts.values():
            for held in account.positions.values():
                if held.qty:
                    row = {"venue": place[0], "environment": place[1], "account_id": account.account_id}
                    rows.append(row | _position(account, held))
    return {"positions": rows}


def _position(account: Account, held: Position) -> dict[str, Any]:
    against = Side.SELL if held.qty > 0 else Side.BUY
    stops: list[dict[str, Any]] = []
    targets: list[dict[str, Any]] = []
    for one in account.open_conditionals.values():
        ticket = one.ticket
        if ticket.symbol == held.symbol and ticket.position_side is held.side and ticket.side is against:
            (targets if ticket.rising is (against is Side.SELL) else stops).append(_resting(one))
    return {
        "symbol": held.symbol,
        "position_side": held.side,
        "qty": format(held.qty, "f"),
        "entry_price": format(held.entry_price, "f"),
        "protected": is_covered(account, held),
        "stops": stops,
        "targets": targets,
    }


def _resting(one: Conditional) -> dict[str, Any]:
    return {
        "client_order_id": one.client_order_id,
        "trigger": format(one.trigger, "f"),
        "qty": format(one.qty, "f"),
        "close_position": one.ticket.close_position,
    }


def protection(call: ControlCall) -> dict[str, Any]:
    """GET /protection?venue=&environment=: every position's episode; an open stretch counts up to now."""
    now = call.world.clock.now()
    rows = []
    for place in call.places():
        for episode in call.world.markets[place].protection.episodes:
            row = asdict(episode)
            since = row.pop("unprotected_since")
            row["protected_now"] = episode.closed_at is None and since is None
            if since is not None:
                row["unprotected_s"] += now - since
            rows.append(row)
    return {"episodes": rows, "at": now}


def bans(call: ControlCall) -> dict[str, Any]:
    """GET /bans?venue=&environment=: each source's latest ban, and how many requests came during it."""
    now = call.world.clock.now()
    rows = [
        {"venue": place[0], "environment": place[1], "source": source, **asdict(ban), "over": ban.until <= now}
        for place in call.places()
        for source, ban in call.world.faces[place].sources.bans.items()
    ]
    return {"bans": rows, "at": now}


def stats(call: ControlCall) -> dict[str, Any]:
    """GET /stats: requests by venue and path, how many were over a limit, connections, CPU seconds, peak memory."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    venues: dict[str, dict[str, Any]] = {}
    for (venue, environment), face in call.world.faces.items():
        listener = call.world.listeners[(venue, environment)]
        venues.setdefault(venue, {})[environment] = {
            "accounts": len(face.market.accounts),
            "down": listener.is_down,
            **asdict(listener.traffic),
            "requests_total": listener.traffic.requests,
            "over_limit": face.sources.refusals_total,
        } | {"requests": dict(face.requests)}
    return {
        "venues": venues,
        "ledger_entries": len(call.world.ledger.entries),
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_memory_kb": used.ru_maxrss,
        "seed": call.world.seed,
    }
