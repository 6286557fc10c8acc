"""When requests are due, in seconds since the start: at even distances, or as strangers come (Poisson). Pure, repeatable by seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from enum import StrEnum


class Arrivals(StrEnum):
    CONSTANT = "constant"
    POISSON = "poisson"


def due_times(kind: Arrivals, rate_per_s: float, duration_s: float, *, seed: int) -> Iterator[float]:
    """Yield ascending offsets below ``duration_s``; none when the rate is 0."""
    if rate_per_s <= 0:
        return
    if kind is Arrivals.CONSTANT:
        number = 0
        while (at := number / rate_per_s) < duration_s:
            yield at
            number += 1
        return
    rng = random.Random(seed)  # noqa: S311 - a repeatable load, not a secret
    at = rng.expovariate(rate_per_s)
    while at < duration_s:
        yield at
        at += rng.expovariate(rate_per_s)
