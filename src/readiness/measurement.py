"""What was measured, and what was not and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Value = int | float | str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number; a yes is 1, a no is 0. One that could not be had is None.

    ``how`` names the sentence of the catalogue that tells where it comes from, or why it could not be had; ``values`` fill its places.
    """

    name: str
    value: float | None
    unit: str
    how: str
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def is_measured(self) -> bool:
        return self.value is not None


def measured(name: str, number: float, unit: str, how: str, /, **values: Value) -> Measurement:
    return Measurement(name, float(number), unit, how, values)


def unmeasured(name: str, why: str, /, **values: Value) -> Measurement:
    return Measurement(name, None, "", why, values)


class Measurements(Mapping[str, Measurement]):
    """All of a run's, by name. A later one of the same name takes the place of an earlier one, except that "not measured" never
    takes the place of a number."""

    def __init__(self, found: Iterable[Measurement] = ()) -> None:
        self._by_name: dict[str, Measurement] = {}
        self.add(found)

    def add(self, found: Iterable[Measurement]) -> None:
        for each in found:
            known = self._by_name.get(each.name)
            if known is None or each.is_measured or not known.is_measured:
                self._by_name[each.name] = each

    def value(self, name: str) -> float | None:
        found = self._by_name.get(name)
        return None if found is None else found.value

    def __getitem__(self, name: str) -> Measurement:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        had = sum(1 for each in self._by_name.values() if each.is_measured)
        return f"<Measurements {had} measured, {len(self) - had} not>"
