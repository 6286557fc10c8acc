"""Hold the faults that the control port asked for, and say which of them strike a request."""

import random
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from simexchange.engine.vocabulary import Environment, Venue

RULES_MAX = 1000


class FaultKind(StrEnum):
    """A way to go wrong; docs/SIMULATOR.md describes each."""

    ACCEPT_THEN_HANG = "accept_then_hang"
    ACCEPT_THEN_500 = "accept_then_500"
    ACCEPT_THEN_RESET = "accept_then_reset"
    RESET_BEFORE_ACCEPT = "reset_before_accept"
    DEFINITE_503 = "definite_503"
    SLOW = "slow"
    RATE_LIMIT_429 = "rate_limit_429"
    BAN_418 = "ban_418"
    REJECT_STOP = "reject_stop"
    PARTIAL_FILL = "partial_fill"
    POSITION_NOT_VISIBLE = "position_not_visible"
    ORDER_NOT_VISIBLE = "order_not_visible"
    DROP_CONNECTION = "drop_connection"
    HANG = "hang"


class Write(StrEnum):
    """What a request would write."""

    NOTHING = "nothing"
    SETTING = "setting"
    ORDER = "order"
    STOP = "stop"
    ORDER_WITH_STOP = "order_with_stop"


_ANY_WRITE = frozenset({Write.SETTING, Write.ORDER, Write.STOP, Write.ORDER_WITH_STOP})
_ORDERS = frozenset({Write.ORDER, Write.ORDER_WITH_STOP})
_STOPS = frozenset({Write.STOP, Write.ORDER_WITH_STOP})
_STRIKES = {
    FaultKind.ACCEPT_THEN_HANG: _ANY_WRITE,
    FaultKind.ACCEPT_THEN_500: _ANY_WRITE,
    FaultKind.ACCEPT_THEN_RESET: _ANY_WRITE,
    FaultKind.PARTIAL_FILL: _ORDERS,
    FaultKind.POSITION_NOT_VISIBLE: _ORDERS,
    FaultKind.ORDER_NOT_VISIBLE: _ORDERS | _STOPS,
    FaultKind.REJECT_STOP: _STOPS,
}
_LOSE_THE_REPLY = (FaultKind.ACCEPT_THEN_HANG, FaultKind.ACCEPT_THEN_500, FaultKind.ACCEPT_THEN_RESET)
_INSTEAD = (
    FaultKind.RESET_BEFORE_ACCEPT,
    FaultKind.DEFINITE_503,
    FaultKind.RATE_LIMIT_429,
    FaultKind.BAN_418,
    FaultKind.DROP_CONNECTION,
    FaultKind.HANG,
)


@dataclass(slots=True)
class FaultRule:
    """A fault and whom it strikes; what is None matches all. `after` requests are spared first, `count` is how often
    it strikes at most, `probability` decides each time."""

    rule_id: int
    name: str
    kind: FaultKind
    venue: Venue | None = None
    environment: Environment | None = None
    path: str | None = None
    method: str | None = None
    account_id: int | None = None
    probability: float = 1.0
    count: int | None = None
    after: int = 0
    delay_ms: int = 1000
    retry_after_s: int = 1
    fraction: Decimal = Decimal("0.5")
    seen: int = 0
    hits: int = 0


@dataclass(slots=True, eq=False)
class FaultPlan:
    """What is to go wrong with one request."""

    instead: FaultRule | None = None
    """Struck before the venue looks at the request: it is not executed."""
    lose_reply: FaultRule | None = None
    """The request is executed; if the venue accepted it the reply is lost."""
    reject_stop: bool = False
    delay_s: float = 0.0
    fill_fraction: Decimal | None = None
    order_hidden_s: float = 0.0
    position_hidden_s: float = 0.0


NO_FAULTS = FaultPlan()


@dataclass(slots=True)
class Faults:
    """All the rules of one simulator. One seeded generator decides, so that a run can be repeated."""

    rng: random.Random
    rules: list[FaultRule] = field(default_factory=list)
    _next_id: int = 1

    def next_id(self) -> int:
        """Return a new rule id."""
        self._next_id += 1
        return self._next_id - 1

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force. Raises ValueError when there are too many."""
        if len(self.rules) >= RULES_MAX:
            raise ValueError(f"more than {RULES_MAX} fault rules")
        self.rules.append(rule)

    def plan(
        self, venue: Venue, environment: Environment, method: str, path: str, account_id: int | None, write: Write
    ) -> FaultPlan:
        """Say what goes wrong with a request; each rule that strikes counts a hit, of two that exclude each other the first."""
        if not self.rules:
            return NO_FAULTS
        plan: FaultPlan | None = None
        for rule in self.rules:
            if not _matches(rule, venue, environment, method, path, account_id, write):
                continue
            rule.seen += 1
            if rule.seen <= rule.after or (rule.count is not None and rule.hits >= rule.count):
                continue
            if rule.probability < 1.0 and self.rng.random() >= rule.probability:
                continue
            plan = plan or FaultPlan()
            if _is_forestalled(plan, rule):
                continue
            rule.hits += 1
            _apply(plan, rule)
        return plan or NO_FAULTS


def _matches(
    rule: FaultRule,
    venue: Venue,
    environment: Environment,
    method: str,
    path: str,
    account_id: int | None,
    write: Write,
) -> bool:
    return (
        (rule.venue is None or rule.venue is venue)
        and (rule.environment is None or rule.environment is environment)
        and (rule.method is None or rule.method == method)
        and (rule.path is None or path.startswith(rule.path))
        and (rule.account_id is None or rule.account_id == account_id)
        and (rule.kind not in _STRIKES or write in _STRIKES[rule.kind])
    )


def _is_forestalled(plan: FaultPlan, rule: FaultRule) -> bool:
    """Tell whether an earlier rule does already what this one would: it keeps its hit for a request where it shows."""
    return (rule.kind in _INSTEAD and plan.instead is not None) or (rule.kind in _LOSE_THE_REPLY and plan.lose_reply is not None)


def _apply(plan: FaultPlan, rule: FaultRule) -> None:
    if rule.kind in _INSTEAD:
        plan.instead = rule
    elif rule.kind in _LOSE_THE_REPLY:
        plan.lose_reply = rule
    elif rule.kind is FaultKind.SLOW:
        plan.delay_s += rule.delay_ms / 1000
    elif rule.kind is FaultKind.REJECT_STOP:
        plan.reject_stop = True
    elif rule.kind is FaultKind.PARTIAL_FILL:
        plan.fill_fraction = rule.fraction
    elif rule.kind is FaultKind.ORDER_NOT_VISIBLE:
        plan.order_hidden_s = rule.delay_ms / 1000
    elif rule.kind is FaultKind.POSITION_NOT_VISIBLE:
        plan.position_hidden_s = rule.delay_ms / 1000
