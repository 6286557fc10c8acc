"""An export on its way: the archive's bytes as they are made, to a bounded number of readers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from marketbot.api.admission import ApiRequest, caller_of, person_of, spoken_by
from marketbot.api.answers import HEADERS
from marketbot.api.database import Database
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_answers import refusal_answer, seen_by
from marketbot.domain.audit_entry import Action
from marketbot.domain.limits import EXPORTS, Check
from marketbot.observability.logs import logger
from marketbot.people.chronicle import note_own
from marketbot.people.login import check_password
from marketbot.people.reception import NotDone, Reception
from marketbot.privacy.archive import About, Archive
from marketbot.store.people import Credentials, read_person

EXPORTS_AT_ONCE_MAX = 2
"""Of one process. Each reads a page at a time and holds a few hundred kilobytes."""
WRITE_TIMEOUT_S = 30.0
"""How long a reader may take for a piece before it is given up: its archive has no end then, and says so by that."""

log = logger(__name__)


class ExportPlaces:
    """How many exports are on their way in this process."""

    def __init__(self) -> None:
        self._taken = 0

    def __repr__(self) -> str:
        return f"<ExportPlaces {self._taken} of {EXPORTS_AT_ONCE_MAX}>"

    def take(self) -> bool:
        if self._taken >= EXPORTS_AT_ONCE_MAX:
            return False
        self._taken += 1
        return True

    def give_back(self) -> None:
        self._taken -= 1


async def begin_export(request: ApiRequest, password: str) -> Response[bytes] | NotDone | None:
    """Return the archive of whoever is logged in, against their password; why not; or None while too many others are at it."""
    reception: Reception = request.app.state.reception
    database: Database = request.app.state.database
    places: ExportPlaces = request.app.state.exports
    person_id, caller = person_of(request), caller_of(request)
    found = await check_password(reception, person_id, password, seen_by(request))
    if not isinstance(found, Credentials):
        return found
    verdict = await reception.limits.take(Check(EXPORTS, str(person_id)))
    if not verdict.allowed:
        return verdict
    if not places.take():
        return None
    try:
        async with database.connection() as connection, connection.transaction():
            person = await read_person(connection, person_id)
            assert person is not None, "whoever is logged in is there"
            await note_own(connection, Action.EXPORTED, person_id, seen_by(request))
    except BaseException:
        places.give_back()
        raise
    log.info("export_begun", person_id=person_id)
    archive = Archive(database.connection, reception.vault, reception.clock, About(person_id, caller.user_id, person.language))
    return ArchiveAnswer(archive.stream(), places, f"marketbot-{person_id}.zip")


async def export_answer(request: ApiRequest, password: str) -> Response[bytes]:
    """Answer an export, or the problem."""
    answer = await begin_export(request, password)
    if answer is None:
        return api_problem(ApiReason.OVERLOADED, spoken_by(request))
    return answer if isinstance(answer, Response) else refusal_answer(request, answer)


class ArchiveAnswer(Response[bytes]):
    """A ZIP that is written while it is made. Each piece is sent before the next is read."""

    def __init__(self, pieces: AsyncIterator[bytes], places: ExportPlaces, name: str) -> None:
        attached = {"Content-Type": "application/zip", "Content-Disposition": f'attachment; filename="{name}"'}
        super().__init__(b"", headers=HEADERS | attached)
        self._pieces = pieces
        self._places = places
        self._name = name

    def to_asgi_response(self, *_arguments: Any, **_more: Any) -> ASGIResponse:
        # The framework only calls what it gets.
        return cast(ASGIResponse, self._write)

    async def _write(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for piece in self._pieces:
                if piece:
                    async with asyncio.timeout(WRITE_TIMEOUT_S):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            log.info("export_sent", name=self._name)
        finally:
            self._places.give_back()
