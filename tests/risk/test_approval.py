"""The last look: what sizing and protection should never produce is stopped here all the same."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from marketbot.domain.ids import AccountId, Symbol, UserId
from marketbot.domain.instrument import Instrument
from marketbot.domain.intent import Entry
from marketbot.domain.lane import Lane
from marketbot.domain.policy import Policy
from marketbot.domain.side import PositionSide
from marketbot.risk.approval import Approved, approve_entry
from marketbot.risk.objection import Objection

INSTRUMENT = Instrument(
    symbol=Symbol("BTCUSDT"),
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.5"),
    lot_size=Decimal("0.01"),
    min_qty=Decimal("0.01"),
    max_market_qty=Decimal(10),
    min_notional=Decimal(5),
)
ENTRY = Entry(
    account_id=AccountId(1),
    user_id=UserId(1),
    lane=Lane.MAINNET,
    side=PositionSide.LONG,
    qty=Decimal(1),
    leverage=Decimal(5),
    reference_price=Decimal(100),
    stop_price=Decimal(98),
    target_price=Decimal(103),
)


def test_a_sound_entry_is_approved_as_it_is() -> None:
    approved = approve_entry(ENTRY, INSTRUMENT, Policy())
    assert isinstance(approved, Approved)
    assert approved.intent is ENTRY
    assert "Entry(" in repr(approved)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop_price": Decimal(100)},
        {"stop_price": Decimal(101)},
        {"target_price": Decimal(100)},
        {"stop_price": Decimal(103), "target_price": Decimal(98)},
        {"side": PositionSide.SHORT},
        {"stop_price": Decimal(0)},
        {"stop_price": Decimal("98.1")},
        {"target_price": Decimal("103.2")},
        {"qty": Decimal(0)},
        {"qty": Decimal(-1)},
        {"qty": Decimal("0.015")},
        {"qty": Decimal(11)},
        {"reference_price": Decimal(1)},
    ],
)
def test_an_unsound_entry_is_not_approved(wrong: dict[str, Any]) -> None:
    assert isinstance(approve_entry(replace(ENTRY, **wrong), INSTRUMENT, Policy()), Objection)


def test_an_entry_larger_than_the_operator_allows_is_not_approved() -> None:
    assert isinstance(approve_entry(ENTRY, INSTRUMENT, Policy(max_order_notional=Decimal(99))), Objection)
