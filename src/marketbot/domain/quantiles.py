"""Quantiles of what was counted into buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def quantile_of(counts: Mapping[int, int], bounds: Sequence[float], share: float) -> float | None:
    """Return the value below which ``share`` of all lies, taking a bucket's values as evenly spread; None where nothing was counted.

    ``counts`` are by the number of the bucket; bucket ``n`` ends at ``bounds[n]``. What lies above the last bound counts as that bound, so
    a quantile there is a lower limit.
    """
    whole = sum(counts.values())
    if not whole:
        return None
    wanted, below = share * whole, 0
    for number in sorted(counts):
        if below + counts[number] >= wanted:
            if number >= len(bounds):
                return bounds[-1]
            begin = bounds[number - 1] if number else 0.0
            return begin + (bounds[number] - begin) * (wanted - below) / counts[number]
        below += counts[number]
    return bounds[-1]
