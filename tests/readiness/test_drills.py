"""A drill that goes wrong scores nothing, and one that could not be done is not measured: every rule of a drill, fed both ways."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from tests.deploy.names import exported

import readiness
from marketbot.observability import shared_metrics
from readiness.criteria import criteria
from readiness.isolated.archiving import backup_measurement
from readiness.isolated.books import Verdict
from readiness.isolated.killing import kill_measurements
from readiness.isolated.limits import Asked, limit_measurements
from readiness.isolated.outages import Outage, primary_measurements, replica_measurements, store_measurements
from readiness.isolated.refusing import Refusing, refusing_measurements
from readiness.isolated.rolling import rolling_measurements
from readiness.language import Language, texts
from readiness.load.result import LoadResult
from readiness.load.wire import Failure
from readiness.measure.flood import Storm, flood_measurements
from readiness.measure.front import METRICS_READ, shown
from readiness.measure.prometheus import read_metrics
from readiness.measurement import Measurement, Measurements
from readiness.report import how
from readiness.score import score

CLEAN = Verdict(96, 96, 0, 0, 0)
HARMED = Verdict(96, 95, 1, 1, 1)
EXPORTED_BY = ("marketbot_replica_up", "marketbot_shared_store_up")


def outage(
    verdict: Verdict = CLEAN, *, failed: int = 0, back_s: float | None = 1.0, used: bool = True, seen: bool = True
) -> Outage:
    return Outage(verdict, 500, failed, "200: 500", back_s, used, seen)


def asked(passed: int, refused: int, *, silent: int = 0) -> Asked:
    return Asked(Counter({200: passed, 429: refused}), silent)


def others(took_s: float = 0.01, *, caught: int = 0) -> LoadResult:
    result = LoadResult(100, 20, 5, 64)
    for number in range(100):
        refused = number < caught
        result.note("me", number % 5, took_s, Failure.STATUS if refused else None, 429 if refused else 200)
    return result


GOOD: dict[str, list[Measurement]] = {
    "kill": kill_measurements(CLEAN, 0.2, 8, 2),
    "rolling": rolling_measurements(CLEAN, 0, 14_000, "200: 14000", 5, 3),
    "store": store_measurements(outage()),
    "replica": replica_measurements(outage()),
    "primary": primary_measurements(outage()),
    "refusing": refusing_measurements(Refusing(0, 3, 90, 90, CLEAN)),
    "backup": [backup_measurement({"good": True, "faults": [], "findings": [], "restored_rows": 9}, 8)],
    "limits": limit_measurements(asked(10, 14), asked(306, 394), asked(4, 0), 2),
    "flood": flood_measurements(others(), Storm(10_000, {401: 500, 429: 9_500}, 500)),
}
BAD: dict[str, list[Measurement]] = {
    "kill": kill_measurements(HARMED, 60.0, 8, 2),
    "rolling": rolling_measurements(HARMED, 1, 14_000, "200: 13999, cut: 1", 5, 3),
    "store": store_measurements(outage(HARMED, back_s=None)),
    "replica": replica_measurements(outage(failed=1, back_s=60.0)),
    "primary": primary_measurements(outage(HARMED, back_s=None)),
    "refusing": refusing_measurements(Refusing(1, 3, 81, 90, HARMED)),
    "backup": [backup_measurement(None, 8)],
    "limits": limit_measurements(asked(24, 0), asked(700, 0), asked(3, 1), 2),
    "flood": flood_measurements(others(2.0, caught=1), Storm(10_000, {401: 10_000}, 500)),
}


def scored(found: list[Measurement]) -> dict[str, float]:
    """Return the score of every rule that takes one of these."""
    names = {each.name for each in found}
    result = score(Measurements(found), criteria())
    return {rule.rule.name: rule.score for area in result.areas for rule in area.rules if rule.rule.measurement in names}


@pytest.mark.parametrize("drill", sorted(GOOD))
def test_a_good_drill_scores_all_and_a_bad_one_nothing(drill: str) -> None:
    good, bad = scored(GOOD[drill]), scored(BAD[drill])
    assert good
    assert good.keys() == bad.keys()
    assert set(good.values()) == {1.0}
    assert set(bad.values()) == {0.0}


@pytest.mark.parametrize("language", list(Language))
def test_every_outcome_can_be_told(language: Language) -> None:
    for found in (*GOOD.values(), *BAD.values()):
        for each in found:
            assert how(each, texts(language))


def test_what_was_not_in_use_or_not_seen_is_not_measured() -> None:
    assert not any(each.is_measured for each in replica_measurements(outage(used=False)))
    unseen = Measurements(store_measurements(outage(seen=False)))
    assert (unseen.value("valkey_harm"), unseen.value("valkey_back_s")) == (0, None)
    assert not Measurements(kill_measurements(CLEAN, None, 0, 2))["takeover_s"].is_measured


def test_a_backup_with_any_flaw_is_none() -> None:
    flawed = {"good": True, "faults": [], "findings": [{"rule": "x"}], "restored_rows": 9}
    assert backup_measurement(flawed, 0).value == 0


def test_a_refusal_that_does_not_say_when_to_come_again_is_no_limit() -> None:
    found = Measurements(limit_measurements(asked(10, 14, silent=1), asked(300, 400, silent=400), asked(4, 0), 2))
    assert (found.value("limit_per_user"), found.value("limit_per_token"), found.value("limit_shared")) == (0, 0, 1)
    kept_apart = Measurements(limit_measurements(asked(20, 4), asked(300, 400), asked(4, 0), 2))
    assert (kept_apart.value("limit_per_user"), kept_apart.value("limit_shared")) == (1, 0)
    assert Measurements(limit_measurements(asked(10, 14), asked(1, 1), asked(4, 0), 1)).value("limit_shared") is None


def test_two_verdicts_add_up() -> None:
    both = CLEAN.plus(HARMED)
    assert (both.accounts, both.lost, both.doubled, both.harm, both.naked) == (192, 1, 1, 2, 1)


def test_every_process_has_to_show_its_bounds() -> None:
    full = read_metrics("\n".join(f'{name}{{x="y"}} 1' for name in METRICS_READ))
    poor = read_metrics("marketbot_memory_bound_bytes 1\n")
    found = Measurements(shown([full, full], [full, full]))
    assert (found.value("memory_bounds_shown"), found.value("venue_breakers"), found.value("venue_budgets_shown")) == (1, 1, 1)
    assert Measurements(shown([full, poor], [full])).value("memory_bounds_shown") == 0
    assert Measurements(shown([full], [full, None])).value("venue_breakers") == 0, "one that does not answer shows nothing"
    assert Measurements(shown([None], [])).value("venue_breakers") is None


def test_every_metric_that_is_read_is_exported() -> None:
    """Also those that a measurement might name by itself, and those that the criteria and the texts tell people to look at."""
    assert shared_metrics.REGISTRY
    there = exported() | set(EXPORTED_BY)
    assert there >= METRICS_READ
    package = Path(readiness.__path__[0])
    named: set[str] = set()
    for file in (*package.rglob("*.py"), *package.rglob("*.toml")):
        named |= set(re.findall(r"\bmarketbot_[a-z_]+\b", file.read_text(encoding="utf-8")))
    assert named - there == set()
