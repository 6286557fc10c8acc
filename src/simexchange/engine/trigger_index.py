"""Find what a price sets off without looking at what it does not: two heaps a symbol."""

from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Protocol

STALE_ENTRIES_TOLERATED = 1024


class Waiting(Protocol):
    """Something that waits for a price. `index_sequence` ties it to its entry; zero means it does not wait."""

    index_sequence: int


class TriggerIndex:
    """Keep what waits for a symbol's price to rise to, or fall to, a level.

    Removal only unties the entry; stale entries go when they come up or when they outnumber the live ones.
    """

    __slots__ = ("_falling", "_live", "_rising", "_sequence")

    def __init__(self) -> None:
        self._rising: list[tuple[Decimal, int, Waiting]] = []
        self._falling: list[tuple[Decimal, int, Waiting]] = []
        self._sequence = 0
        self._live = 0

    def add(self, waiting: Waiting, price: Decimal, *, rising: bool) -> None:
        """Let it wait for the price."""
        self._sequence += 1
        self._live += 1
        waiting.index_sequence = self._sequence
        if rising:
            heappush(self._rising, (price, self._sequence, waiting))
        else:
            heappush(self._falling, (-price, self._sequence, waiting))

    def remove(self, waiting: Waiting) -> None:
        """Let it wait no more; without effect when it does not."""
        if not waiting.index_sequence:
            return
        waiting.index_sequence = 0
        self._live -= 1
        if len(self._rising) + len(self._falling) > 2 * self._live + STALE_ENTRIES_TOLERATED:
            for heap in (self._rising, self._falling):
                heap[:] = [entry for entry in heap if entry[2].index_sequence == entry[1]]
                heapify(heap)

    def take_due(self, price: Decimal) -> list[Waiting]:
        """Take out everything that the price sets off, the nearest levels first."""
        due: list[Waiting] = []
        for heap, level in ((self._rising, price), (self._falling, -price)):
            while heap and heap[0][0] <= level:
                _, sequence, waiting = heappop(heap)
                if waiting.index_sequence == sequence:
                    waiting.index_sequence = 0
                    self._live -= 1
                    due.append(waiting)
        return due
