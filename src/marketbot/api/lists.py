"""Lists over HTTP, a page a request: a user's own rows, and everybody's for operators. What differs is the statement and the row's key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from litestar import Response

from marketbot.api.admission import ApiRequest, user_of
from marketbot.api.answers import page_answer
from marketbot.api.database import Database
from marketbot.api.paging import read_cursor, read_limit
from marketbot.api.user_door import UserDoor
from marketbot.domain.ids import UserId
from marketbot.store.pool import Connection

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Sequence[Any])


async def own_page(
    request: ApiRequest,
    noun: str,
    first: Key,
    read: Callable[[Connection, UserId, Key, int], Awaitable[Sequence[Row]]],
    key_of: Callable[[Row], Sequence[Any]],
    shown: Callable[[Row], object] | None = None,
) -> Response[bytes]:
    """Answer the page of the user's rows that the request asks for.

    ``read`` gives so many rows behind a key, of which ``first`` stands for no cursor; ``shown`` turns a row into what is answered.
    """
    door: UserDoor = request.app.state.door
    limit, user_id = read_limit(request.query_params), user_of(request)
    after = type(first)(*read_cursor(request.query_params, noun, first))
    rows, simulated = await door.read(user_id, lambda connection: read(connection, user_id, after, limit))
    told = rows if shown is None else [shown(row) for row in rows]
    return page_answer(noun, told, key_of(rows[-1]) if len(rows) == limit else None, simulated=simulated)


async def everybodys_page(
    request: ApiRequest,
    noun: str,
    first: Key,
    read: Callable[[Connection, Key, int], Awaitable[Sequence[Row]]],
    key_of: Callable[[Row], Sequence[Any]],
) -> Response[bytes]:
    """Answer a page over all users; ``read`` gives so many rows behind a key, of which ``first`` stands for no cursor."""
    database: Database = request.app.state.database
    door: UserDoor = request.app.state.door
    limit = read_limit(request.query_params)
    after = type(first)(*read_cursor(request.query_params, noun, first))
    async with database.connection() as connection:
        rows = await read(connection, after, limit)
        simulated = await door.simulated(connection)
    return page_answer(noun, rows, key_of(rows[-1]) if len(rows) == limit else None, simulated=simulated)
