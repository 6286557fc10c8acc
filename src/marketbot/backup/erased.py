"""Who was erased, noted beside the backups: a restored one knows nothing of what was erased after it was made, and must not bring it back.

The file holds numbers and times. It is renewed after every erasure by a keeper that has the backups at hand, and by every backup; what
stands in it already stays, so that an older database than the one that wrote it adds to it and takes nothing away.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from marketbot.backup.errors import BackupError
from marketbot.backup.key import BackupKey
from marketbot.domain.ids import PersonId, UserId
from marketbot.store import erasing
from marketbot.store.erasures import Erased, all_done
from marketbot.store.pool import Connection, DirectConnection

MAX_LEDGER_BYTES = 64 * 1024 * 1024
"""More than half a million erasures."""

_PERSON_AGAIN = "SELECT person_id FROM person WHERE person_id = $1 AND erased_at IS NULL"
_USER_AGAIN = "SELECT user_id FROM app_user WHERE user_id = $1 AND erased_at IS NULL"
_END_OPEN = """
UPDATE erasure SET canceled_at = clock_timestamp()
WHERE (person_id = $1 OR user_id = $2) AND canceled_at IS NULL AND done_at IS NULL
"""
_NOTE = """
INSERT INTO erasure (person_id, user_id, asked_by, due_at, forced, done_at) VALUES ($1, $2, 'operator', $3, true, $3)
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file of one installation in the directory of its backups. With a key it proves who wrote it."""

    root: Path
    key: BackupKey | None

    def path(self, tag: str) -> Path:
        return self.root / f"erased-{tag}.json"

    async def renew(self, connection: Connection) -> int:
        """Add whom the database knows to be erased; return how many stand there now. Nothing is written where there are none.

        Raises:
            BackupError: what stands there is damaged, or of another key.
            OSError: it cannot be written.
        """
        tag = await connection.fetchval("SELECT tag FROM installation")
        known = await all_done(connection)
        if tag is None or not known:
            return 0
        return await asyncio.to_thread(self._merge, tag, known)

    def _merge(self, tag: str, known: list[Erased]) -> int:
        standing, proven = self._parse(tag)
        if self.key is None and proven:
            # Whoever makes the backups has the key, and renews it with the next one.
            return len(standing)
        if self.key is not None and not proven:
            # From before there was a key, or somebody's: what the database knows is what counts.
            standing = []
        merged = {(each.person_id, each.user_id): each for each in (*known, *standing)}
        if not standing or len(merged) > len(standing):
            self._write(tag, sorted(merged.values(), key=lambda each: each.done_at))
        return len(merged)

    def read(self, tag: str) -> list[Erased]:
        """Return whom the file names; nobody where there is none.

        Raises:
            BackupError: it is damaged, or was not written by whoever has the key.
        """
        erased, proven = self._parse(tag)
        if erased and self.key is not None and not proven:
            raise BackupError(f"{self.path(tag)} was not written by whoever has the backup key.")
        return erased

    def _parse(self, tag: str) -> tuple[list[Erased], bool]:
        """Return what stands there, and whether there is a proof of it: one that holds, where the key is known."""
        path = self.path(tag)
        try:
            with path.open("rb") as file:
                content = file.read(MAX_LEDGER_BYTES + 1)
        except FileNotFoundError:
            return [], False
        except OSError as error:
            raise BackupError(f"{path} cannot be read ({error.strerror}).") from None
        try:
            document = orjson.loads(content)
            erased = [
                Erased(each["person_id"], each["user_id"], datetime.fromisoformat(each["at"])) for each in document["erased"]
            ]
            proof = document["proof"]
        except (ValueError, KeyError, TypeError):
            raise BackupError(f"{path} is damaged: without it a restore would bring back who was erased.") from None
        if document.get("tag") != tag or len(content) > MAX_LEDGER_BYTES:
            raise BackupError(f"{path} is another installation's, or too large.")
        if self.key is None or proof is None:
            return erased, proof is not None
        if not hmac.compare_digest(str(proof), self.key.authenticate(_content(tag, erased))):
            raise BackupError(f"{path} was not written by whoever has the backup key.")
        return erased, True

    def _write(self, tag: str, erased: list[Erased]) -> None:
        content = _content(tag, erased)
        proof = None if self.key is None else self.key.authenticate(content)
        document = orjson.loads(content) | {"proof": proof}
        self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
        draft = self.root / f".draft-erased-{tag}-{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.path(tag))


async def erase_again(connection: DirectConnection, erased: list[Erased]) -> int:
    """Erase from restored books, in the caller's transaction, whom the ledger names; return how many were there again."""
    count = 0
    for each in erased:
        user_id = await connection.fetchval(_USER_AGAIN, each.user_id)
        person_id = await connection.fetchval(_PERSON_AGAIN, each.person_id)
        if user_id is not None:
            await erasing.erase_user(connection, UserId(user_id))
        if person_id is not None:
            await erasing.erase_person(connection, PersonId(person_id))
        if user_id is not None or person_id is not None:
            await connection.execute(_END_OPEN, person_id, user_id)
            await connection.execute(_NOTE, person_id, user_id, each.done_at)
            count += 1
    return count


def _content(tag: str, erased: list[Erased]) -> bytes:
    rows = [{"person_id": each.person_id, "user_id": each.user_id, "at": each.done_at.isoformat()} for each in erased]
    return orjson.dumps({"tag": tag, "erased": rows})
