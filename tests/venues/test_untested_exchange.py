"""The careful assumptions made of an exchange nobody has tested, tried on one whose simulator we have."""

from __future__ import annotations

from decimal import Decimal

import pytest

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.venues import registry
from marketbot.venues.ccxt.dialect import ANY

from .rig import Rig


async def test_sized_protection_on_an_exchange_without_a_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "dialect_of", lambda _exchange_id: ANY)
    rig = await Rig.open("ccxt:binanceusdm")
    try:
        await _live(rig)
    finally:
        await rig.close()


async def _live(rig: Rig) -> None:
    client, account = rig.client, rig.credential
    early = await client.submit_protection(account, rig.protective(Leg.STOP_LOSS, rig.at("0.90")))
    assert early.fault is not None
    assert early.fault.error_class is ErrorClass.NO_POSITION, "nothing was sent: there is no size to protect"
    order = rig.entry()
    entered = await client.submit_entry(account, order)
    assert entered.state in (OrderState.ACCEPTED, OrderState.FILLED)
    found = await rig.found(account, order.client_order_id, Leg.ENTRY)
    assert (found.state, found.filled_qty) == (OrderState.FILLED, Decimal("0.010"))
    stop = rig.protective(Leg.STOP_LOSS, rig.at("0.90"))
    placed = await client.submit_protection(account, stop)
    assert placed.state is OrderState.ACCEPTED, placed
    resting = await client.find_order(account, rig.instrument, stop.client_order_id, Leg.STOP_LOSS)
    assert isinstance(resting, OrderReport), resting
    assert (resting.state, resting.trigger_price) == (OrderState.ACCEPTED, rig.at("0.90"))
    await rig.move_price(rig.at("0.89"))
    assert await client.read_positions(account, rig.instrument) == ()
    fired = await client.find_order(account, rig.instrument, stop.client_order_id, Leg.STOP_LOSS)
    assert isinstance(fired, OrderReport), fired
    assert (fired.state, fired.filled_qty) == (OrderState.FILLED, Decimal("0.010"))


async def test_unknown_order_is_not_rejected_by_an_unknown_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "dialect_of", lambda _exchange_id: ANY)
    rig = await Rig.open("ccxt:binanceusdm")
    try:
        await rig.fault("accept_then_500")
        report = await rig.client.submit_entry(rig.credential, rig.entry())
        assert report.state is OrderState.UNCONFIRMED
        missing = await rig.client.find_order(rig.credential, rig.instrument, rig.new_id(Leg.ENTRY), Leg.ENTRY)
        assert isinstance(missing, Absent | VenueFault)
    finally:
        await rig.close()
