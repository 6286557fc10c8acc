"""The criteria file, read and checked: areas, rules, and the five metrics with target and alarm. Pure."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

from readiness.language import Language

CRITERIA_FILE = "criteria.toml"
WEIGHT_ERROR_MAX = 1e-9


class CriteriaInvalid(ValueError):
    """The criteria file does not hang together."""


class Unit(StrEnum):
    """What a measurement is counted in; the renderers know how to write each."""

    COUNT = "count"
    SHARE = "share"
    RATIO = "ratio"
    MS = "ms"
    S = "s"
    MB = "mb"
    MB_PER_MIN = "mb_per_min"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one measurement scores: nothing at ``floor`` or worse, all at ``target`` or better, in proportion between.

    Whether more is better is told by which of the two is larger. ``weight`` is the rule's share of its area.
    """

    name: str
    area: str
    measurement: str
    unit: Unit
    target: float
    floor: float
    weight: float
    title: Mapping[Language, str]
    advice: Mapping[Language, str]

    @property
    def more_is_better(self) -> bool:
        return self.target > self.floor

    def score(self, value: float) -> float:
        """Return 0 to 1; never falls when the value gets better."""
        return min(1.0, max(0.0, (value - self.floor) / (self.target - self.floor)))


@dataclass(frozen=True, slots=True)
class Area:
    """``weight`` is its share of the whole; ``found`` is what the review of 3 September 2025 gave it, where it gave a figure."""

    name: str
    weight: float
    found: float | None
    title: Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """One of the five metrics: a measurement with the value to reach and the value at which an alarm rings."""

    name: str
    measurement: str
    unit: Unit
    target: float
    alarm: float
    more_is_better: bool
    title: Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Criteria:
    """``ready_from`` is the total from which the verdict is yes."""

    ready_from: float
    areas: tuple[Area, ...]
    rules: tuple[Rule, ...]
    metrics: tuple[Metric, ...]

    def rules_of(self, area: Area) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.area == area.name)


@lru_cache(maxsize=4)
def criteria() -> Criteria:
    """Return the criteria that come with this version."""
    return read_criteria(files("readiness").joinpath(CRITERIA_FILE).read_text(encoding="utf-8"))


def read_criteria(text: str) -> Criteria:
    """Read a criteria file.

    Raises:
        CriteriaInvalid: weights do not sum to one, a rule names no area, a text is missing, or a number is none.
    """
    try:
        document = tomllib.loads(text)
        areas = tuple(_area(name, each) for name, each in document["area"].items())
        rules = tuple(_rule(name, each) for name, each in document["rule"].items())
        metrics = tuple(_metric(name, each) for name, each in document["metric"].items())
        ready_from = float(document["ready_from"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CriteriaInvalid(f"the criteria cannot be read: {error}") from error
    found = Criteria(ready_from, areas, rules, metrics)
    _check(found)
    return found


def _check(found: Criteria) -> None:
    if not 0 < found.ready_from <= 1:
        raise CriteriaInvalid("ready_from lies between 0 and 1")
    names = {area.name for area in found.areas}
    for rule in found.rules:
        if rule.area not in names:
            raise CriteriaInvalid(f"rule {rule.name} names no area")
        if rule.target == rule.floor or not math.isfinite(rule.target) or not math.isfinite(rule.floor):
            raise CriteriaInvalid(f"rule {rule.name}: target and floor must be two numbers")
        if rule.weight <= 0:
            raise CriteriaInvalid(f"rule {rule.name} weighs nothing")
    _sums_to_one("the areas", [area.weight for area in found.areas])
    for area in found.areas:
        _sums_to_one(f"the rules of {area.name}", [rule.weight for rule in found.rules_of(area)])


def _sums_to_one(what: str, weights: list[float]) -> None:
    if abs(sum(weights) - 1) > WEIGHT_ERROR_MAX:
        raise CriteriaInvalid(f"the weights of {what} sum to {sum(weights):.6f}, not to 1")


def _texts(each: Mapping[str, Any]) -> dict[Language, str]:
    return {language: str(each[language.value]) for language in Language}


def _area(name: str, each: Mapping[str, Any]) -> Area:
    found = each.get("found")
    return Area(name, float(each["weight"]), None if found is None else float(found), _texts(each["title"]))


def _rule(name: str, each: Mapping[str, Any]) -> Rule:
    return Rule(
        name,
        str(each["area"]),
        str(each.get("measurement", name)),
        Unit(each["unit"]),
        float(each["target"]),
        float(each["floor"]),
        float(each["weight"]),
        _texts(each["title"]),
        _texts(each["advice"]),
    )


def _metric(name: str, each: Mapping[str, Any]) -> Metric:
    return Metric(
        name,
        str(each["measurement"]),
        Unit(each["unit"]),
        float(each["target"]),
        float(each["alarm"]),
        bool(each["more_is_better"]),
        _texts(each["title"]),
    )
