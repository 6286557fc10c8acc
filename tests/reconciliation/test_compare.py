"""Comparing is pure: these hold for any books and any answer of a venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.ids import Symbol
from marketbot.domain.order import SETTLED, OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide
from marketbot.reconciliation.compare import Booked, Finding, Held, Kind, compare

TAG = "abc123"
SYMBOLS = (Symbol("BTCUSDT"), Symbol("ETHUSDT"))
LEGS = (Leg.STOP_LOSS, Leg.TAKE_PROFIT)
Resting = Mapping[Symbol, Sequence[RestingOrder]]

quantities = st.sampled_from([Decimal(1), Decimal(2)])
prices = st.none() | st.just(Decimal(100))
booked = st.builds(
    Booked,
    st.sampled_from(SYMBOLS),
    st.sampled_from(PositionSide),
    st.booleans(),
    st.sampled_from(ProtectionState),
    quantities,
    st.dictionaries(st.sampled_from(LEGS), st.sampled_from(OrderState)),
)
held = st.builds(
    lambda symbol, side, qty, stop, target: Held(
        symbol, VenuePosition(symbol, side, qty, Decimal(100), stop_price=stop, target_price=target)
    ),
    st.sampled_from(SYMBOLS),
    st.sampled_from(PositionSide),
    quantities,
    prices,
    prices,
)
orders = st.builds(
    RestingOrder,
    client_order_id=st.sampled_from([f"mb{TAG}1", f"mb{TAG}2", "a-person", "mbother1"]),
    venue_order_id=st.just("1"),
    venue_symbol=st.just("X"),
    conditional=st.booleans(),
    kind=st.sampled_from(["stop_loss", "take_profit", "other"]),
    side=st.sampled_from(["buy", "sell"]),
    trigger_price=st.just(Decimal(100)),
    closes_position=st.booleans(),
)
views = st.fixed_dictionaries(
    {
        "booked": st.lists(booked, max_size=4, unique_by=lambda each: (each.symbol, each.side)),
        "held": st.lists(held, max_size=4, unique_by=lambda each: (each.symbol, each.position.side)),
        "resting": st.dictionaries(st.sampled_from(SYMBOLS), st.lists(orders, max_size=4)),
        "attaches_protection": st.booleans(),
    }
)


def find(view: dict[str, object], **others: object) -> tuple[Finding, ...]:
    return compare(**{**view, **others}, tag=TAG)  # type: ignore[arg-type]


@given(views)
def test_findings_come_most_urgent_first_and_once(view: dict[str, object]) -> None:
    found = find(view)
    assert [finding.kind for finding in found] == sorted((finding.kind for finding in found), key=list(Kind).index)
    assert len({(each.kind, each.symbol, each.side, each.order and id(each.order)) for each in found}) == len(found)


@given(views, st.sampled_from(SYMBOLS))
def test_a_busy_symbol_is_left_alone_and_changes_nothing_for_the_others(view: dict[str, object], busy: Symbol) -> None:
    found = find(view, busy=frozenset({busy}))
    assert found == tuple(each for each in find(view) if each.symbol != busy)


@given(views)
def test_a_foreign_order_is_never_a_finding(view: dict[str, object]) -> None:
    assert all(each.order is None or each.order.client_order_id.startswith(f"mb{TAG}") for each in find(view))


@given(views)
def test_a_persons_position_is_never_given_protection(view: dict[str, object]) -> None:
    persons = {(each.symbol, each.side) for each in view["booked"] if not each.by_signal}  # type: ignore[attr-defined]
    mending = (Kind.STOP_MISSING, Kind.TARGET_MISSING, Kind.STOP_UNRECORDED)
    assert not any((each.symbol, each.side) in persons and each.kind in mending for each in find(view))


@given(views)
def test_a_position_of_ours_without_a_stop_is_always_found(view: dict[str, object]) -> None:
    at_venue = {(each.symbol, each.position.side): each.position for each in view["held"]}  # type: ignore[attr-defined]
    found = {(each.symbol, each.side) for each in find(view, attaches_protection=True) if each.kind is Kind.STOP_MISSING}
    for book in view["booked"]:  # type: ignore[attr-defined]
        position = at_venue.get((book.symbol, book.side))
        if position is None or book.protection is ProtectionState.CLOSED or not book.by_signal:
            continue
        assert ((book.symbol, book.side) in found) == (position.stop_price is None)


@given(views)
def test_what_is_not_read_is_not_concluded(view: dict[str, object]) -> None:
    """Where protection is an order of its own and the open orders of a symbol were not asked for, none counts as missing."""
    found = find(view, resting={}, attaches_protection=False)
    assert not any(each.kind in (Kind.STOP_MISSING, Kind.TARGET_MISSING) for each in found)


@given(views)
def test_once_everything_is_mended_nothing_is_found(view: dict[str, object]) -> None:
    assert find(_mended(view, find(view))) == ()


def _mended(view: dict[str, object], findings: Sequence[Finding]) -> dict[str, object]:
    """Return both views as they stand when each finding has been mended, in the order of the findings."""
    attaches = bool(view["attaches_protection"])
    ours = {(each.symbol, each.side): each for each in view["booked"]}  # type: ignore[attr-defined]
    theirs = {(each.symbol, each.position.side): each for each in view["held"]}  # type: ignore[attr-defined]
    resting = {symbol: list(found) for symbol, found in view["resting"].items()}  # type: ignore[attr-defined]
    for finding in findings:
        place = (finding.symbol, finding.side)
        match finding.kind:
            case Kind.POSITION_GONE:
                ours[place] = replace(ours[place], protection=ProtectionState.CLOSED, legs=_ended(ours[place]))
            case Kind.STOP_MISSING | Kind.TARGET_MISSING:
                leg = Leg.STOP_LOSS if finding.kind is Kind.STOP_MISSING else Leg.TAKE_PROFIT
                if leg is Leg.STOP_LOSS:
                    ours[place] = replace(ours[place], protection=ProtectionState.PROTECTED)
                if attaches:
                    price = {"stop_price" if leg is Leg.STOP_LOSS else "target_price": Decimal(100)}
                    theirs[place] = replace(theirs[place], position=replace(theirs[place].position, **price))
                else:
                    resting[finding.symbol].append(
                        RestingOrder(f"mb{TAG}9", "9", "X", True, leg, finding.side.exit, Decimal(100), True)
                    )
            case Kind.QUANTITY_DIFFERS:
                assert finding.held is not None
                ours[place] = replace(ours[place], qty=finding.held.qty)
            case Kind.STOP_UNRECORDED:
                ours[place] = replace(ours[place], protection=ProtectionState.PROTECTED)
            case Kind.POSITION_FOREIGN:
                assert finding.held is not None
                ours[place] = Booked(*place, False, ProtectionState.NAKED, finding.held.qty, {})
            case Kind.ORPHAN_PROTECTION if finding.order is not None:
                resting[finding.symbol] = [each for each in resting[finding.symbol] if each is not finding.order]
            case Kind.ORPHAN_PROTECTION:
                ours[place] = replace(ours[place], legs=_ended(ours[place]))
                _settle(resting, finding.symbol, finding.side)
    for place, book in ours.items():
        if book.protection is ProtectionState.CLOSED and place not in theirs:
            _settle(resting, *place)
    return {**view, "booked": list(ours.values()), "held": list(theirs.values()), "resting": resting}


def _settle(resting: dict[Symbol, list[RestingOrder]], symbol: Symbol, side: PositionSide) -> None:
    """Take away what rests no more; a symbol whose open orders were not asked for stays so."""
    if symbol in resting:
        resting[symbol] = [each for each in resting[symbol] if not _of(each, side)]


def _ended(book: Booked) -> dict[Leg, OrderState]:
    return {leg: state if state in SETTLED else OrderState.EXPIRED for leg, state in book.legs.items()}


def _of(order: RestingOrder, side: PositionSide) -> bool:
    ours = order.conditional and order.client_order_id.startswith(f"mb{TAG}") and order.kind != "other"
    return ours and order.side == side.exit
