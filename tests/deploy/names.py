"""What the tests of the deployment files share: where they are, and which metrics there are."""

from __future__ import annotations

import re
from pathlib import Path

from marketbot.observability import live_metrics, metrics, shared_metrics  # noqa: F401 - two of them only register their own

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

_NAME = re.compile(r"\b(?:marketbot|process)_[a-z_]+\b")
_SERIES = re.compile(r"^(\w+)[ {]", re.MULTILINE)


def metrics_in(expression: str) -> set[str]:
    """Return the metrics that a PromQL expression names."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', "", expression)))


def exported() -> set[str]:
    """Return every series' name that a process exports, also those that have no child yet: a market, a replica."""
    names = set(_SERIES.findall(metrics.render().decode()))
    for family in metrics.REGISTRY.collect():
        names.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return names
