"""The orders and the credential that the golden files were written for."""

from dataclasses import replace
from decimal import Decimal

from marketbot.domain.ids import AccountId, ClientOrderId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.side import Leg, PositionSide
from marketbot.ports import Credential, EntryOrder, ExitOrder, ProtectiveOrder

NOW_MS = 1_591_702_613_943
HOST = "fapi.binance.com"
SECRET = b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
KEY = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83"
ENTRY_ID = ClientOrderId("mbtest0100000001000001e0")
STOP_ID = ClientOrderId("mbtest0100000001000001s0")
TARGET_ID = ClientOrderId("mbtest0100000001000001t0")

INSTRUMENT = Instrument(
    symbol=Symbol("BTCUSDT"),
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.10"),
    lot_size=Decimal("0.001"),
    min_qty=Decimal("0.001"),
    max_market_qty=Decimal(120),
    min_notional=Decimal(100),
)
FOREIGN = Instrument(
    symbol=Symbol("币安人生USDT"),
    venue_symbol="币安人生USDT",
    tick_size=Decimal("0.00001"),
    lot_size=Decimal(1),
    min_qty=Decimal(1),
    max_market_qty=Decimal(100_000),
    min_notional=Decimal(5),
)
ENTRY = EntryOrder(INSTRUMENT, ENTRY_ID, PositionSide.LONG, Decimal("0.010"), Decimal("108000.0"), Decimal("115000.5"))
EXIT = ExitOrder(INSTRUMENT, ENTRY_ID, PositionSide.LONG, Decimal("1E+1"))
STOP = ProtectiveOrder(INSTRUMENT, STOP_ID, Leg.STOP_LOSS, PositionSide.LONG, Decimal("108000.0"))
TARGET = ProtectiveOrder(INSTRUMENT, TARGET_ID, Leg.TAKE_PROFIT, PositionSide.SHORT, Decimal("99000.5"))
PAIRED_TARGET = replace(TARGET, sibling_price=Decimal(120_000))
CREDENTIAL = Credential(AccountId(7), KEY, SECRET)
