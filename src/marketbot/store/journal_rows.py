"""The journal's rows as lines of text for COPY, which costs client and server half of what arrays do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from marketbot.store.planning_rows import escape

Row = tuple[Any, ...]

EVENT_COLUMNS = (
    "signal_id",
    "account_id",
    "leg",
    "attempt",
    "seq",
    "user_id",
    "from_state",
    "state",
    "venue_order_id",
    "filled_qty",
    "average_price",
    "reason",
    "code",
    "detail",
    "at",
)
OUTCOME_COLUMNS = (
    "signal_id",
    "account_id",
    "user_id",
    "result",
    "reason",
    "detail",
    "claimed_ms",
    "sent_ms",
    "acked_ms",
    "protected_ms",
    "attempts",
    "at",
)


def event_lines(rows: Iterable[Row]) -> bytes:
    """Return rows of ``order_event`` in the order of ``EVENT_COLUMNS``."""
    lines = []
    for signal, account, leg, attempt, seq, user, left, state, name, qty, price, reason, code, detail, at in rows:
        why = _NO_FAULT if reason is None else f"{_text(reason)}\t{_text(code)}\t{_text(detail)}"
        lines.append(
            f"{signal}\t{account}\t{leg}\t{attempt}\t{seq}\t{user}\t{left}\t{state}\t{_text(name)}\t{_NULL if qty is None else qty}"
            f"\t{_NULL if price is None else price}\t{why}\t{at.isoformat()}\n"
        )
    return "".join(lines).encode()


def outcome_lines(rows: Iterable[Row]) -> bytes:
    """Return rows of ``outcome`` in the order of ``OUTCOME_COLUMNS``."""
    lines = []
    for signal, account, user, result, reason, detail, claimed, sent, acked, protected, attempts, at in rows:
        why = _NO_REASON if reason is None and detail is None else f"{_text(reason)}\t{_text(detail)}"
        times = f"{claimed}\t{sent}\t{acked}\t{protected}"
        if protected is None or acked is None or sent is None or claimed is None:
            times = times.replace("None", _NULL)
        lines.append(f"{signal}\t{account}\t{user}\t{result}\t{why}\t{times}\t{attempts}\t{at.isoformat()}\n")
    return "".join(lines).encode()


def position_arrays(rows: Sequence[Row]) -> list[str]:
    """Return the columns of rows of ``position`` as array literals; the driver's own encoder looks at every element four times."""
    return [_array(column) for column in zip(*rows, strict=True)]


def _array(values: tuple[Any, ...]) -> str:
    text = ",".join(map(str, values))
    if "None" in text or type(values[0]) is str:
        text = ",".join(["NULL" if value is None else _quoted(value) for value in values])
    return f"{{{text}}}"


def _quoted(value: object) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def one_piece(lines: bytes) -> AsyncIterator[bytes]:
    """Feed COPY from memory; the driver would read a file, even one in memory, in a thread."""
    yield lines


_NULL = "\\N"
_NO_REASON = f"{_NULL}\t{_NULL}"
_NO_FAULT = f"{_NULL}\t{_NULL}\t{_NULL}"


def _text(value: str | None) -> str:
    if value is None:
        return _NULL
    return value if value.isalnum() else escape(value)
