"""Compare the two books. Pure: the same books give the same audit, and a planted defect is always found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from marketbot.audit.latency import latency_by_stage, quantile
from marketbot.audit.records import Episode, LedgerEntry, OrderName, OurBook, SignalAccountKey, VenueBook, read_order_name
from marketbot.audit.report import FINDINGS_SHOWN_MAX, LOST, Audit, Finding, FindingKind
from marketbot.domain.order import MAYBE_LIVE, OrderState
from marketbot.domain.side import Leg

UNPROTECTED_LIMIT_S = 10.0
"""A stop that cannot be placed within 8 s makes the position be closed; what stands open for longer is a defect."""
ATTACHES_PROTECTION = frozenset({"bybit", "ccxt:bybit"})
"""Here stop and target ride on the entry or the position and have no client order id of their own."""

_ACCEPTED = "accepted"
_ENDED = frozenset({"canceled", "expired", "triggered", "rejected"})
_PLAIN_KINDS = frozenset({"market", "limit"})
_PROTECTIVE_KINDS = frozenset({"stop", "target"})
_PROTECTIVE_LEGS = frozenset({Leg.STOP_LOSS, Leg.TAKE_PROFIT})
_AT_VENUE = frozenset(
    {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}
)
"""States that only a venue which knows the order can have put it into."""

Found = Iterator[tuple[FindingKind, str]]


def audit(venue: VenueBook, ours: OurBook, *, unprotected_limit_s: float = UNPROTECTED_LIMIT_S) -> Audit:
    """Return how the exchange's book and ours agree, once the work is over."""
    accepted = _accepted_by_us(venue, ours)
    own_episodes = [episode for episode in venue.episodes if read_order_name(episode.opened_by, ours.tag) is not None]
    found = [
        *_unplanned(ours),
        *_unfinished(ours),
        *_missing_at_venue(ours, accepted),
        *_unrecorded(ours, accepted),
        *_doubled(accepted),
        *_unconfirmed(ours),
        *_naked(own_episodes, unprotected_limit_s),
        *_foreign(venue, ours),
        *_mismatched(venue, ours),
        *_orphaned(venue, ours),
    ]
    counts = Counter(kind for kind, _ in found)
    unprotected_s = sorted(episode.unprotected_s for episode in own_episodes)
    return Audit(
        signals=ours.signals,
        refused=dict(ours.refused),
        planned=len(ours.intents),
        ordered=sum(1 for intent in ours.intents if intent.result == "ordered"),
        denied=_reasons(intent.denied_for for intent in ours.intents),
        rejected=_reasons(intent.reason for intent in ours.intents if intent.result == "rejected"),
        lapsed=_reasons(intent.reason for intent in ours.intents if intent.result == "lapsed"),
        lost=len({subject for kind, subject in found if kind in LOST}),
        counts={kind: counts[kind] for kind in FindingKind},
        unprotected_s_p99=quantile(unprotected_s, 0.99),
        unprotected_s_max=unprotected_s[-1] if unprotected_s else 0.0,
        positions=len(own_episodes),
        latency_ms=latency_by_stage(ours.times),
        findings=tuple(_shown(found)),
    )


Accepted = dict[str, tuple[OrderName, list[LedgerEntry]]]
"""By client order id: what it says, and every time the venue accepted an order under it."""


def _accepted_by_us(venue: VenueBook, ours: OurBook) -> Accepted:
    """Gather what the venue accepted under our ids. An attached leg carries its entry's id and is no order of its own."""
    accepted: Accepted = {}
    for entry in venue.entries:
        if entry.event != _ACCEPTED:
            continue
        name = read_order_name(entry.client_order_id, ours.tag)
        if name is None or (name.leg not in _PROTECTIVE_LEGS and entry.kind not in _PLAIN_KINDS):
            continue
        accepted.setdefault(entry.client_order_id, (name, []))[1].append(entry)
    return accepted


def _subject(key: SignalAccountKey) -> str:
    return f"signal {key[0]}, account {key[1]}"


def _unplanned(ours: OurBook) -> Found:
    for key in ours.unplanned:
        yield FindingKind.UNPLANNED, _subject(key)


def _unfinished(ours: OurBook) -> Found:
    for intent in ours.intents:
        if intent.denied_for is None and intent.result is None:
            yield FindingKind.UNFINISHED, _subject(intent.key)


def _missing_at_venue(ours: OurBook, accepted: Accepted) -> Found:
    """Orders that our book has at the venue, and accounts that our book counts as ordered, without a trace there."""
    missing: set[SignalAccountKey] = set()
    for order in ours.orders:
        attached = order.leg in _PROTECTIVE_LEGS and order.venue in ATTACHES_PROTECTION
        if order.state in _AT_VENUE and not attached and order.client_order_id not in accepted:
            missing.add((order.signal_id, order.account_id))
    worked = {(name.signal_id, name.account_id) for name, _ in accepted.values() if name.leg is Leg.ENTRY or name.leg is Leg.EXIT}
    missing |= {intent.key for intent in ours.intents if intent.result == "ordered" and intent.key not in worked}
    for key in sorted(missing):
        yield FindingKind.MISSING_AT_VENUE, _subject(key)


def _unrecorded(ours: OurBook, accepted: Accepted) -> Found:
    states = {order.client_order_id: order.state for order in ours.orders}
    unknown: set[SignalAccountKey] = set()
    for client_order_id, (name, _) in accepted.items():
        state = states.get(client_order_id)
        if state is None and name.signal_id in ours.pruned:
            continue
        # Submitted and unconfirmed are known not to be known, and counted as such.
        if state is None or (
            state not in _AT_VENUE and state not in MAYBE_LIVE and not _taken_back(state, accepted[client_order_id])
        ):
            unknown.add((name.signal_id, name.account_id))
    for key in sorted(unknown):
        yield FindingKind.UNRECORDED, _subject(key)


def _taken_back(state: OrderState, accepted: tuple[OrderName, list[LedgerEntry]]) -> bool:
    """A venue that answers later may take an acknowledgement back; and a stop that the venue ended may be written as refused."""
    return state is OrderState.REJECTED and accepted[0].leg in _PROTECTIVE_LEGS


def _doubled(accepted: Accepted) -> Found:
    """One id accepted twice, or two accepted entries of one account for one signal."""
    entries: dict[SignalAccountKey, int] = defaultdict(int)
    for client_order_id, (name, times) in accepted.items():
        if len(times) > 1:
            yield FindingKind.DOUBLED, f"order {client_order_id}, {len(times)} times"
        if name.leg is Leg.ENTRY:
            entries[(name.signal_id, name.account_id)] += 1
    for key, count in entries.items():
        if count > 1:
            yield FindingKind.DOUBLED, f"{_subject(key)}, {count} entries"


def _unconfirmed(ours: OurBook) -> Found:
    for order in ours.orders:
        if order.state in MAYBE_LIVE:
            yield FindingKind.UNCONFIRMED, f"order {order.client_order_id} ({order.leg})"


def _naked(episodes: list[Episode], limit_s: float) -> Found:
    for episode in episodes:
        where = f"position {episode.symbol} {episode.direction} opened by {episode.opened_by}"
        if episode.is_open and not episode.protected_now:
            yield FindingKind.NAKED, where
        if episode.unprotected_s > limit_s:
            yield FindingKind.LONG_UNPROTECTED, f"{where}, {episode.unprotected_s:.1f} s"


def _foreign(venue: VenueBook, ours: OurBook) -> Found:
    for entry in venue.entries:
        if entry.event == _ACCEPTED and entry.kind in _PLAIN_KINDS and read_order_name(entry.client_order_id, ours.tag) is None:
            yield FindingKind.FOREIGN, f"order {entry.order_id} of {entry.venue}/{entry.environment} account {entry.account}"


def _mismatched(venue: VenueBook, ours: OurBook) -> Found:
    """Compare what accounts hold. The exchange's account numbers are learnt from the orders both sides know."""
    account_of = {
        entry.account: name.account_id
        for entry in venue.entries
        if (name := read_order_name(entry.client_order_id, ours.tag)) is not None
    }
    theirs: dict[tuple[int, str, str], Decimal] = {}
    for holding in venue.holdings:
        account_id = account_of.get(holding.account)
        if account_id is not None and holding.qty:
            theirs[(account_id, holding.symbol, "long" if holding.qty > 0 else "short")] = abs(holding.qty)
    mine = {(row.account_id, row.symbol, row.side): row.qty for row in ours.holdings}
    for key in sorted(theirs.keys() | mine.keys()):
        at_venue, in_book = theirs.get(key, Decimal(0)), mine.get(key, Decimal(0))
        if at_venue != in_book:
            yield FindingKind.MISMATCHED, f"account {key[0]} {key[1]} {key[2]}: {at_venue} at the venue, {in_book} in the book"


def _orphaned(venue: VenueBook, ours: OurBook) -> Found:
    resting: dict[tuple[int, int], LedgerEntry] = {}
    for entry in venue.entries:
        if entry.kind not in _PROTECTIVE_KINDS or read_order_name(entry.client_order_id, ours.tag) is None:
            continue
        key = (entry.account, entry.order_id)
        if entry.event == _ACCEPTED:
            resting[key] = entry
        elif entry.event in _ENDED:
            resting.pop(key, None)
    held = {(holding.account, holding.symbol, holding.position_side) for holding in venue.holdings if holding.qty}
    for entry in resting.values():
        if (entry.account, entry.symbol, entry.position_side) not in held:
            yield FindingKind.ORPHANED, f"{entry.kind} {entry.client_order_id} {entry.symbol}"


def _reasons(reasons: Iterator[str | None]) -> dict[str, int]:
    return dict(Counter(reason for reason in reasons if reason is not None).most_common())


def _shown(found: list[tuple[FindingKind, str]]) -> Iterator[Finding]:
    shown: Counter[FindingKind] = Counter()
    for kind, subject in found:
        shown[kind] += 1
        if shown[kind] <= FINDINGS_SHOWN_MAX:
            yield Finding(kind, subject)
