"""Tables: a page at a time by cursor, narrowed and sorted as far as the query can, and the whole of it as a CSV file.

A table says its columns once. The macro in templates/table.html shows them, cards on a phone; the file has the same columns with
plain values.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from litestar import Response

from marketbot.api.admission import ApiRequest, path_of
from marketbot.api.paging import ParameterInvalid, read_cursor, write_cursor
from marketbot.web import headers
from marketbot.web.csv_file import write_csv
from marketbot.web.page import is_https

ROWS_SHOWN = 50
CSV_ROWS_MAX = 10_000
"""Rows of one file. One that is full says so in its last line, for a file that silently ends is read as complete."""
CSV_PAGE = 200
MAX_FILTER_CHARS = 64

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Sequence[Any])


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """``key`` names the text (``column.KEY``) and the CSV's column; ``kind`` the macro in templates/cells.html that shows a value."""

    key: str
    value: Callable[[Row], Any]
    kind: str = "text"
    lead: bool = False
    """The row's name: shown first and alone on a card."""
    end: bool = False
    """Numbers stand at the end of their column."""
    full: bool = False
    """Takes a card's whole width."""
    shown: bool = True
    """False: the file has it, the page does not."""


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str
    """A text's key, or the value itself where it is a name."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice, or without options something typed."""

    name: str
    options: tuple[Option, ...] = ()
    value: str = ""
    kind: str = "text"
    """Of what is typed: the field's type (``text``, ``date``)."""


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """A page of rows, ready to be shown."""

    name: str
    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    next_path: str = ""
    first_path: str = ""
    """Set on a page that is not the first."""
    csv_path: str = ""
    filters: Sequence[Filter] = field(default_factory=tuple)


def chosen(parameters: Mapping[str, str], name: str, allowed: Sequence[str]) -> str | None:
    """Return a filter's choice; None for none.

    Raises:
        ParameterInvalid: it is none of the choices.
    """
    text = parameters.get(name, "")
    if text and text not in allowed:
        raise ParameterInvalid(f"{name} is none of its choices")
    return text or None


def typed(parameters: Mapping[str, str], name: str) -> str | None:
    """Return what was typed into a filter; None for nothing."""
    text = parameters.get(name, "").strip()
    if len(text) > MAX_FILTER_CHARS or not text.isprintable():
        raise ParameterInvalid(f"{name} is too long")
    return text or None


async def read_table(
    request: ApiRequest,
    name: str,
    columns: Sequence[Column[Row]],
    first: Key,
    read: Callable[[Key, int], Awaitable[Sequence[Row]]],
    key_of: Callable[[Row], Sequence[Any]],
    filters: Sequence[Filter] = (),
) -> Table[Row]:
    """Read the page that the request asks for; ``read`` gives so many rows behind a key."""
    after = type(first)(*read_cursor(request.query_params, name, first))
    found = await read(after, ROWS_SHOWN + 1)
    rows = found[:ROWS_SHOWN]
    path, kept = path_of(request), [(each.name, each.value) for each in filters if each.value]
    more = write_cursor(name, key_of(rows[-1])) if len(found) > ROWS_SHOWN else ""
    return Table(
        name,
        [column for column in columns if column.shown],
        rows,
        next_path=f"{path}?{urlencode([*kept, ('after', more)])}" if more else "",
        first_path=_path(path, kept) if "after" in request.query_params else "",
        csv_path=f"{path}?{urlencode([*kept, ('format', 'csv')])}" if rows else "",
        filters=filters,
    )


def wants_csv(request: ApiRequest) -> bool:
    return request.query_params.get("format") == "csv"


async def csv_answer(
    request: ApiRequest,
    name: str,
    columns: Sequence[Column[Row]],
    first: Key,
    read: Callable[[Key, int], Awaitable[Sequence[Row]]],
    key_of: Callable[[Row], Key],
) -> Response[bytes]:
    """Answer all rows as a file, from the first on; columns are named by their keys, in every language the same."""
    lines: list[Sequence[object]] = []
    after = first
    while len(lines) < CSV_ROWS_MAX:
        rows = await read(after, CSV_PAGE)
        lines += [[column.value(row) for column in columns] for row in rows]
        if len(rows) < CSV_PAGE:
            break
        after = key_of(rows[-1])
    else:
        lines.append([f"# cut off after {CSV_ROWS_MAX} rows"])
    told = headers.with_transport(headers.PAGE, https=is_https(request))
    told["Content-Disposition"] = f'attachment; filename="marketbot-{name}.csv"'
    return Response(write_csv([column.key for column in columns], lines), media_type="text/csv", headers=told)


def _path(path: str, kept: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(kept)}" if kept else path
