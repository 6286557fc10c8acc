"""Put faults and limits in force, and start over."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simexchange.control.call import ControlCall, ControlError, decimal_of, environment_of, integer_of, venue_of
from simexchange.faults import FaultKind, FaultRule


def _probability(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ControlError(f"{name} must lie between 0 and 1")
    return float(value)


def _kind(value: object, _name: str) -> FaultKind:
    try:
        return FaultKind(str(value))
    except ValueError:
        raise ControlError(f"unknown fault kind: {value}") from None


_READERS: dict[str, Callable[[object, str], object]] = {
    "name": lambda value, _: str(value),
    "kind": _kind,
    "venue": lambda value, _: venue_of(value),
    "environment": lambda value, _: environment_of(value),
    "path": lambda value, _: str(value),
    "method": lambda value, _: str(value),
    "account_id": integer_of,
    "probability": _probability,
    "count": integer_of,
    "after": integer_of,
    "delay_ms": integer_of,
    "retry_after_s": integer_of,
    "fraction": decimal_of,
}


def add(call: ControlCall) -> dict[str, Any]:
    """POST /faults: put rules in force beside those there are."""
    wanted = call.body.get("rules")
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise ControlError("rules must be a list of objects")
    faults = call.world.faults
    rules = []
    for one in wanted:
        values = {name: _read(name, value) for name, value in one.items() if value is not None}
        if "kind" not in values:
            raise ControlError("a rule needs a kind")
        values.setdefault("name", str(values["kind"]))
        rules.append(FaultRule(rule_id=faults.next_id(), **values))
    for rule in rules:
        try:
            faults.add(rule)
        except ValueError as error:
            raise ControlError(str(error)) from None
    return {"ids": [rule.rule_id for rule in rules]}


def show(call: ControlCall) -> dict[str, Any]:
    """GET /faults: the rules with how often each saw a request that it might strike, and how often it struck."""
    return {"rules": [asdict(rule) for rule in call.world.faults.rules]}


def remove(call: ControlCall) -> dict[str, Any]:
    """DELETE /faults, or DELETE /faults?id=N for one."""
    faults = call.world.faults
    rule_id = call.query_integer("id", 0)
    kept = [rule for rule in faults.rules if rule_id and rule.rule_id != rule_id]
    removed = len(faults.rules) - len(kept)
    faults.rules[:] = kept
    return {"removed": removed}


def set_limits(call: ControlCall) -> dict[str, Any]:
    """POST /limits: change some; null turns one off. What has been used, and bans, are forgotten."""
    try:
        call.world.limits.change(call.body)
    except ValueError as error:
        raise ControlError(str(error)) from None
    for face in call.world.faces.values():
        face.sources.clear()
    return show_limits(call)


def show_limits(call: ControlCall) -> dict[str, Any]:
    """GET /limits."""
    return {"limits": asdict(call.world.limits)}


def set_seed(call: ControlCall) -> dict[str, Any]:
    """POST /seed: start the faults' dice anew."""
    call.world.seed = integer_of(call.body.get("seed"), "seed")
    call.world.faults.rng.seed(call.world.seed)
    return {"seed": call.world.seed}


def reset(call: ControlCall) -> dict[str, Any]:
    """POST /reset: as after start, with the same ports, seed and limits."""
    call.world.reset()
    return {"reset": True}


def _read(name: str, value: object) -> Any:
    reader = _READERS.get(name)
    if reader is None:
        raise ControlError(f"unknown field of a rule: {name}")
    return reader(value, name)
