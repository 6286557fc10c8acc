"""Accounts files: CSV with a header line, or JSON (a list, or an object with ``accounts``), to checked records. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marketbot.accounts.records import FIELDS, REQUIRED, AccountRecord, Problem, read_record

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_ROWS = 100_000
MAX_CELL_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class AccountsFile:
    """What a file holds: the rows that are well, and what is wrong with the others."""

    records: tuple[AccountRecord, ...]
    problems: tuple[Problem, ...]


def read_accounts_file(content: bytes) -> AccountsFile:
    """Read a file of accounts; CSV or JSON is told by its first character.

    A user's label and an API key may each stand in one row only. Nothing is raised for what a file may hold.
    """
    if len(content) > MAX_FILE_BYTES:
        return _broken(f"is larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _broken("is not UTF-8 text")
    rows = _json_rows(text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text)
    if isinstance(rows, str):
        return _broken(rows)
    records: list[AccountRecord] = []
    problems: list[Problem] = []
    for number, row in enumerate(rows, start=1):
        if number > MAX_ROWS:
            problems.append(Problem(0, "", f"has more than {MAX_ROWS} rows; the rest was not read"))
            break
        found = Problem(number, "", row) if isinstance(row, str) else read_record(number, row)
        if isinstance(found, AccountRecord):
            records.append(found)
        else:
            problems.extend([found] if isinstance(found, Problem) else found)
    return _without_repeats(records, problems)


def _broken(sentence: str) -> AccountsFile:
    return AccountsFile((), (Problem(0, "", sentence),))


def _csv_rows(text: str) -> Iterator[Mapping[str, Any] | str] | str:
    csv.field_size_limit(MAX_CELL_CHARS)
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader)]
    except (StopIteration, csv.Error):
        return "is empty or no CSV"
    for place, name in enumerate(header, start=1):
        if name not in FIELDS:
            return f"column {place} has a name that is not known; the first line names the columns: {', '.join(sorted(FIELDS))}"
    if len(set(header)) != len(header):
        return "names a column twice"
    if missing := [name for name in REQUIRED if name not in header]:
        return f"lacks the column {missing[0]}"
    return _csv_cells(reader, header)


def _csv_cells(reader: Iterator[list[str]], header: list[str]) -> Iterator[Mapping[str, Any] | str]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield "cannot be read as CSV; the rows after it were not read"
            return
        if not any(cells):
            continue
        if len(cells) != len(header):
            yield f"has {len(cells)} cells where the first line has {len(header)}"
        else:
            yield dict(zip(header, cells, strict=True))


def _json_rows(text: str) -> Iterator[Mapping[str, Any] | str] | str:
    try:
        document = json.loads(text, parse_float=Decimal, parse_int=_bounded_int, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return "is not valid JSON"
    if isinstance(document, dict):
        document = document.get("accounts")
    if not isinstance(document, list):
        return "must hold a list of accounts"
    return (_json_row(row) for row in document)


def _json_row(row: object) -> Mapping[str, Any] | str:
    if not isinstance(row, dict):
        return "is no object"
    if not FIELDS.issuperset(row):
        return f"has a field that is not known; known are {', '.join(sorted(FIELDS))}"
    return row


def _bounded_int(digits: str) -> Decimal:
    return Decimal(digits)


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are no numbers")


def _without_repeats(records: list[AccountRecord], problems: list[Problem]) -> AccountsFile:
    """Leave the first of two rows about the same account, or with the same key, and name the others."""
    labels: dict[tuple[str, str], int] = {}
    keys: dict[str, int] = {}
    kept = []
    for record in records:
        label = (record.user, record.label)
        if (first := labels.setdefault(label, record.row)) != record.row:
            problems.append(Problem(record.row, "label", f"this user has the same label in row {first}"))
        elif (first := keys.setdefault(record.api_key, record.row)) != record.row:
            problems.append(Problem(record.row, "api_key", f"the same key stands in row {first}"))
        else:
            kept.append(record)
    return AccountsFile(tuple(kept), tuple(sorted(problems, key=lambda problem: problem.row)))
