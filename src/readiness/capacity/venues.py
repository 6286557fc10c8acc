"""What the venues let an address and an account do, and which calls one account's work costs there.

The limits are the venues' own (docs/venues, with their sources); what is used of them, and every row of the call tables, is how
this product behaves: a test holds them against its budgets and against what a simulated venue counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

USABLE_SHARE = 0.8
"""How much of an address's limit is used: other programs may share the address, and clocks disagree about a window's edge."""

RESERVED_SHARE = 0.2
"""How much of every budget only urgent (risk-reducing and protective) calls may use."""

WINDOW_SLOTS = 10
"""A budget is counted in slots of a tenth of its window, and kept for one slot more, so no window ever holds too much."""


class Work(StrEnum):
    """What a signal makes each account do."""

    ENTRY = "entry"
    """A protected entry of an account that has traded this instrument since the engine's start."""
    FIRST_ENTRY = "first_entry"
    """The same after a restart and on an instrument that is new to the account: compared with its venue, leverage set."""
    EXIT = "exit"
    """A close signal for an account that holds a position with stop and target."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``why`` is a text of the catalogue.

    ``weight`` draws on the address, ``units`` on the account's own ``bucket`` (none when empty).
    """

    what: str
    weight: int
    why: str
    bucket: str = ""
    units: int = 1
    urgent: bool = True
    is_order: bool = False
    """The one that opens or closes the position."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``limit`` units in any ``period_s``."""

    limit: int
    period_s: float


@dataclass(frozen=True, slots=True)
class VenueLimits:
    """A venue's published limit of an address, an account's limits by bucket, and the calls of each kind of work, in order."""

    name: str
    address: Window
    account: dict[str, tuple[Window, ...]]
    calls: dict[Work, tuple[Call, ...]]

    @property
    def usable(self) -> int:
        """Units a window that urgent calls may use at one address."""
        return int(self.address.limit * USABLE_SHARE)

    @property
    def unreserved(self) -> int:
        """Units a window beyond which entries wait."""
        return max(1, int(self.usable * (1 - RESERVED_SHARE)))

    @property
    def slot_s(self) -> float:
        return self.address.period_s / WINDOW_SLOTS

    @property
    def turnover_s(self) -> float:
        """How long a full budget takes to be had again: the window and one slot."""
        return self.address.period_s + self.slot_s


_BINANCE_ENTRY = (
    Call("POST order (market)", 0, "entry_free", "orders", urgent=False, is_order=True),
    Call("POST algoOrder (stop)", 0, "stop_apart", "orders"),
    Call("POST algoOrder (target)", 0, "target_apart", "orders"),
)

BINANCE = VenueLimits(
    "binance",
    Window(2_400, 60.0),
    {"orders": (Window(300, 10.0), Window(1_200, 60.0))},
    {
        Work.ENTRY: _BINANCE_ENTRY,
        Work.FIRST_ENTRY: (
            Call("GET positionRisk", 5, "compared", urgent=False),
            Call("POST marginType", 1, "isolated", urgent=False),
            Call("POST leverage", 1, "leverage", urgent=False),
            *_BINANCE_ENTRY,
        ),
        Work.EXIT: (
            Call("POST order (reduce-only)", 0, "exit", "orders", is_order=True),
            Call("GET positionRisk", 5, "gone"),
            Call("GET algoOrder (stop)", 1, "stop_gone"),
            Call("GET algoOrder (target)", 1, "target_gone"),
        ),
    },
)

_BYBIT_ENTRY = (
    Call("POST order/create", 1, "entry_attached", "create", urgent=False, is_order=True),
    Call("GET position/list", 1, "seen", "positions"),
)

BYBIT = VenueLimits(
    "bybit",
    Window(600, 5.0),
    {
        "create": (Window(10, 1.0),),
        "positions": (Window(50, 1.0),),
        "trading-stop": (Window(10, 1.0),),
        "leverage": (Window(10, 1.0),),
        "wallet": (Window(50, 1.0),),
        "orders": (Window(50, 1.0),),
    },
    {
        Work.ENTRY: _BYBIT_ENTRY,
        Work.FIRST_ENTRY: (
            Call(
                "GET position/list (all)",
                1,
                "compared",
                "positions",
                urgent=False,
            ),
            Call("GET account/info", 1, "margin_mode", "wallet", urgent=False),
            Call("POST set-leverage", 1, "leverage", "leverage", urgent=False),
            *_BYBIT_ENTRY,
        ),
        Work.EXIT: (
            Call("POST order/create (reduce-only)", 1, "exit", "create", is_order=True),
            Call("GET order/realtime", 1, "looked_up", "orders"),
            Call("GET position/list", 1, "gone", "positions"),
            Call("GET position/list (stop)", 1, "property", "positions"),
            Call("GET order/realtime (stop)", 1, "fired", "orders"),
            Call("POST trading-stop (stop)", 1, "taken_off", "trading-stop"),
            Call("GET position/list (target)", 1, "property_too", "positions"),
            Call("GET order/realtime (target)", 1, "fired", "orders"),
            Call("POST trading-stop (target)", 1, "taken_off_too", "trading-stop"),
        ),
    },
)

VENUES = {limits.name: limits for limits in (BINANCE, BYBIT)}
