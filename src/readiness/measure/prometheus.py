"""Prometheus' text format, read. Pure. https://prometheus.io/docs/instrumenting/exposition_formats/"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

MAX_SAMPLES = 200_000
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+([^\s]+)(?:\s+-?\d+)?$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Mapping[str, str]
    value: float


class Scrape:
    """All samples of one answer, by name."""

    def __init__(self, samples: Mapping[str, list[Sample]]) -> None:
        self._samples = samples

    def has(self, name: str) -> bool:
        """Tell whether a metric of this name, or of a name that begins with it and an underscore, is there."""
        return any(known == name or known.startswith(f"{name}_") for known in self._samples)

    def of(self, name: str) -> list[Sample]:
        return self._samples.get(name, [])

    def total(self, name: str) -> float | None:
        """Return the sum over all labels; None when there is no such metric."""
        found = self.of(name)
        return sum(sample.value for sample in found) if found else None

    def most(self, name: str) -> float | None:
        found = self.of(name)
        return max(sample.value for sample in found) if found else None

    def __len__(self) -> int:
        return sum(len(samples) for samples in self._samples.values())


def read_metrics(text: str) -> Scrape:
    """Read what can be read; a line that is none is left out, and so is what comes after ``MAX_SAMPLES``."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    count = 0
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = _LINE.match(line)
        if found is None:
            continue
        name, labels, number = found.groups()
        try:
            value = float(number)
        except ValueError:
            continue
        samples[name].append(Sample({key: _plain(text) for key, text in _LABEL.findall(labels or "")}, value))
        count += 1
        if count >= MAX_SAMPLES:
            break
    return Scrape(dict(samples))


def _plain(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda found: _ESCAPES[found.group()], text)
