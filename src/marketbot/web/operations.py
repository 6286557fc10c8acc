"""What an operator's charts say in figures: each over the whole span, the worst where a threshold is watched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marketbot.api.operator_series import STAGES, errors_pct, quantile_ms, series_of, summed
from marketbot.store.samples import Step

PLOTS = (
    ("traffic", "", ("accounts", "signals")),
    ("response", "ms", ("p50", "p95")),
    ("way", "ms, p95", tuple(f"stage_{name}" for name in STAGES)),
    ("outcomes", "", ()),
    ("error_share", "%", ("errors",)),
    ("resources", "%", ("connections", "memory")),
)
"""Each plot: the name of its text, its unit, and the texts of its lines. Lines of outcomes are called by their reasons."""


@dataclass(frozen=True, slots=True)
class Figures:
    """None where nothing was measured."""

    signals: int
    accounts: int
    response_ms: int | None
    errors_pct: Decimal | None
    stages: tuple[tuple[str, int | None, int | None], ...]
    connections_pct: Decimal | None
    memory_pct: Decimal | None
    memory_bytes: int | None


def figures_of(steps: Sequence[Step]) -> Figures:
    """Return the figures of a span."""
    counts, series = summed(steps), series_of(steps)
    return Figures(
        signals=sum(series.signals),
        accounts=sum(series.accounts),
        response_ms=_whole(quantile_ms(counts, "request", 0.95)),
        errors_pct=_decimal(errors_pct(counts)),
        stages=tuple(
            (name, *(_whole(quantile_ms(counts, f"stage.{name}", share)) for share in (0.5, 0.95)))  # type: ignore[misc]
            for name in STAGES
        ),
        connections_pct=_decimal(_worst(series.connections_pct)),
        memory_pct=_decimal(_worst(series.memory_pct)),
        memory_bytes=next((step.memory_bytes for step in reversed(steps) if step.memory_bytes is not None), None),
    )


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
