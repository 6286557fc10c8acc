"""Durations counted in buckets of equal relative width: bounded memory, any quantile, one in a hundred of error. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

SUB_BUCKETS = 64
"""Buckets between one power of two of microseconds and the next: a bucket is at most 1/64 of its value wide."""
POWERS = 27
"""The last bucket ends at 2^33 microseconds, well over an hour; what takes longer is counted there."""
BUCKETS = SUB_BUCKETS * (POWERS + 1)


class Histogram:
    """Counts durations in seconds. Two histograms can be added."""

    __slots__ = ("count", "counts", "max_s", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.count = 0
        self.sum_s = 0.0
        self.max_s = 0.0

    def record(self, seconds: float) -> None:
        seconds = max(0.0, seconds)
        self.counts[bucket_of(seconds)] += 1
        self.count += 1
        self.sum_s += seconds
        self.max_s = max(self.max_s, seconds)

    def add(self, other: Histogram) -> None:
        self.counts = [one + two for one, two in zip(self.counts, other.counts, strict=True)]
        self.count += other.count
        self.sum_s += other.sum_s
        self.max_s = max(self.max_s, other.max_s)

    def quantile_s(self, share: float) -> float:
        """Return the duration that ``share`` of all did not exceed (the upper edge of its bucket); 0 when there was none."""
        if not self.count:
            return 0.0
        wanted = max(1, math.ceil(share * self.count))
        seen = 0
        for at, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                return min(upper_s(at), self.max_s)
        return self.max_s

    @property
    def mean_s(self) -> float:
        return self.sum_s / self.count if self.count else 0.0

    def over(self, seconds: float) -> int:
        """Count those in buckets above the one that ``seconds`` falls into."""
        return sum(self.counts[bucket_of(seconds) + 1 :])

    def steps(self) -> Iterator[tuple[float, int]]:
        """Yield (upper edge in seconds, count so far) of every bucket that is not empty."""
        seen = 0
        for at, count in enumerate(self.counts):
            if count:
                seen += count
                yield min(upper_s(at), self.max_s), seen

    def __repr__(self) -> str:
        return (
            f"<Histogram {self.count} p50={self.quantile_s(0.5):.6f} s p99={self.quantile_s(0.99):.6f} s max={self.max_s:.6f} s>"
        )


def bucket_of(seconds: float) -> int:
    """Return the bucket of a duration: linear below 64 microseconds, logarithmic above."""
    micros = int(seconds * 1e6)
    if micros < SUB_BUCKETS:
        return max(0, micros)
    power = micros.bit_length() - SUB_BUCKETS.bit_length()
    # The highest seven bits: 64 to 127.
    return min(BUCKETS - 1, SUB_BUCKETS * power + (micros >> power))


def upper_s(bucket: int) -> float:
    """Return where a bucket ends, in seconds."""
    if bucket < 2 * SUB_BUCKETS:
        return (bucket + 1) / 1e6
    power = bucket // SUB_BUCKETS - 1
    return ((bucket - SUB_BUCKETS * power + 1) << power) / 1e6
