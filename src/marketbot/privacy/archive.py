"""Everything that is kept about somebody, as one ZIP of JSON files, made while it is sent.

Nothing of it is stored: no second copy of somebody's data lies about, sealed or not, waiting to expire. One page of rows and what the
compressor holds are in memory at a time; a connection is borrowed for a page and given back, so a slow reader holds none.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO, cast

import orjson

from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.money import plain
from marketbot.domain.notice import ChannelKind
from marketbot.domain.person import Locale
from marketbot.ports import Clock
from marketbot.privacy.readme import readme
from marketbot.store.channels import channel_aad
from marketbot.store.notices import hook_aad
from marketbot.store.personal_data import AUDIT_WITHHELD, NOT_EXPORTED, PARTS
from marketbot.store.personal_pages import EXPORT_PAGE, own_accounts, read_audit_page, read_page
from marketbot.store.personal_part import Owner, Part
from marketbot.store.pool import Connection
from marketbot.vault.vault import Vault, VaultError

FORMAT = "marketbot personal data 1"
FILE_ROWS_MAX = 100_000
"""Rows of one file; what is beyond goes into a second. No program that opens ZIP files chokes on one of this size."""

Connect = Callable[[], AbstractAsyncContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class About:
    """Whose data: a person's, a user's, or both."""

    person_id: PersonId | None
    user_id: UserId | None
    language: Locale


class _Sink:
    """What the ZIP is written to: bytes that wait for the next yield. It cannot be turned back, so entries are written once, in order."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits elsewhere."""

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


class Archive:
    """One export. ``connect`` lends a connection for a page."""

    def __init__(self, connect: Connect, vault: Vault, clock: Clock, about: About) -> None:
        self._connect = connect
        self._vault = vault
        self._clock = clock
        self._about = about
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(cast("BinaryIO", self._sink), "w", zipfile.ZIP_DEFLATED)
        self._files: list[dict[str, object]] = []

    def __repr__(self) -> str:
        return f"<Archive {len(self._files)} files>"

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the archive's bytes. The last entry, ``manifest.json``, tells that it is whole."""
        begun_at = self._clock.now()
        self._put("README.txt", readme(self._about.language).encode())
        yield self._sink.take()
        for part in PARTS:
            async for piece in self._write(part.table, self._rows(part)):
                yield piece
        async for piece in self._write("audit_entry", self._audit_rows()):
            yield piece
        self._put("manifest.json", orjson.dumps(await self._manifest(begun_at), default=_value, option=_FORM))
        self._zip.close()
        yield self._sink.take()

    async def _write(self, name: str, pages: AsyncIterator[list[Mapping[str, Any]]]) -> AsyncIterator[bytes]:
        """Write a table into files, a row a line, and yield what is ready after every page."""
        number, rows, total = 1, 0, 0
        entry = self._open(name, number)
        entry.write(b"[")
        async for page in pages:
            if rows and rows + len(page) > FILE_ROWS_MAX:
                self._close(entry, name, number, rows)
                number, rows = number + 1, 0
                entry = self._open(name, number)
                entry.write(b"[")
            lines = b",".join(b"\n" + orjson.dumps(row, default=_value, option=orjson.OPT_UTC_Z) for row in page)
            # Compressing a page takes milliseconds of a core that the loop needs for others.
            await asyncio.to_thread(entry.write, (b"," if rows and page else b"") + lines)
            rows, total = rows + len(page), total + len(page)
            yield self._sink.take()
        self._close(entry, name, number, rows)
        yield self._sink.take()

    def _open(self, name: str, number: int) -> Any:
        return self._zip.open(self._info(_file(name, number)), "w")

    def _close(self, entry: Any, name: str, number: int, rows: int) -> None:
        entry.write(b"\n]\n")
        entry.close()
        self._files.append({"file": _file(name, number), "rows": rows})

    def _put(self, name: str, content: bytes) -> None:
        self._zip.writestr(self._info(name), content)

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._clock.now().timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        return info

    async def _rows(self, part: Part) -> AsyncIterator[list[Mapping[str, Any]]]:
        about = self._about
        if part.owner is Owner.PERSON and about.person_id is not None:
            owners: list[tuple[int, ...]] = [(about.person_id,)]
        elif part.owner is Owner.USER and about.user_id is not None:
            owners = [(about.user_id,)]
        elif part.owner is Owner.ACCOUNT and about.user_id is not None:
            async with self._connect() as connection:
                owners = [(account_id, about.user_id) for account_id in await own_accounts(connection, about.user_id)]
        else:
            owners = []
        for owner in owners:
            after = part.start
            while True:
                async with self._connect() as connection:
                    rows = await read_page(connection, part, owner, after)
                yield [self._told(part, row) for row in rows]
                if len(rows) < EXPORT_PAGE:
                    break
                after = tuple(rows[-1][f"key_{place}"] for place in range(len(part.key)))

    def _told(self, part: Part, row: Mapping[str, Any]) -> Mapping[str, Any]:
        told = {name: value for name, value in row.items() if not name.startswith("key_") and name not in part.opened}
        for sealed, name in part.opened.items():
            told[name] = self._open_address(part.table, row, row[sealed])
        return told

    def _open_address(self, table: str, row: Mapping[str, Any], sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        user_id = UserId(row["user_id"])
        aad = hook_aad(user_id, "url") if table == "notice_hook" else channel_aad(user_id, ChannelKind(row["kind"]), "target")
        try:
            return self._vault.open(sealed, aad=aad).decode()
        except VaultError:
            # Sealed by a key that is not here any more: nobody reads it.
            return None

    async def _audit_rows(self) -> AsyncIterator[list[Mapping[str, Any]]]:
        after = 0
        while True:
            async with self._connect() as connection:
                rows = await read_audit_page(connection, self._about.person_id, self._about.user_id, after)
            yield rows
            if len(rows) < EXPORT_PAGE:
                return
            after = rows[-1]["entry_id"]

    async def _manifest(self, begun_at: datetime) -> dict[str, object]:
        async with self._connect() as connection:
            profile = await connection.fetchval("SELECT profile FROM installation")
        withheld = {part.table: dict(part.withheld) for part in PARTS if part.withheld}
        return {
            "format": FORMAT,
            "simulated": profile == "simulation",
            "person_id": self._about.person_id,
            "user_id": self._about.user_id,
            "begun_at": begun_at,
            "finished_at": self._clock.now(),
            "files": self._files,
            "withheld": {**withheld, "audit_entry": AUDIT_WITHHELD},
            "not_exported": dict(NOT_EXPORTED),
        }


_FORM = orjson.OPT_UTC_Z | orjson.OPT_INDENT_2


def _file(name: str, number: int) -> str:
    return f"{name}.json" if number == 1 else f"{name}-{number}.json"


def _value(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
