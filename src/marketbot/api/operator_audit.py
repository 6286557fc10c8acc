"""GET /v1/operator/audit: the audit trail, read by page and proven. For those whose scope opens it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from litestar import Response, Router, get

from marketbot.api.admission import ApiRequest, admit, demands
from marketbot.api.answers import json_answer, page_answer
from marketbot.api.database import Database
from marketbot.api.paging import MAX_DIGITS, MAX_ID, MAX_TEXT_CHARS, ParameterInvalid, read_cursor, read_limit
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import MAX_SUBJECT_CHARS, Action, ActorKind
from marketbot.domain.scope import Scope
from marketbot.store.audit_trail import NEWEST, AuditFilter, ChainProof, list_entries, verify

PROVEN_MAX = 10_000
"""Entries that one request proves; the next goes on from there."""
NOUN = "entries"


@get("/v1/operator/audit", opt=demands(Scope.AUDIT_READ))
async def show_trail(request: ApiRequest) -> Response[bytes]:
    """Entries, the newest first, narrowed by action, actor, subject and time."""
    database: Database = request.app.state.database
    door: UserDoor = request.app.state.door
    wanted = read_filter(request.query_params)
    limit = read_limit(request.query_params)
    (below,) = read_cursor(request.query_params, NOUN, (NEWEST,))
    async with database.connection() as connection:
        rows = await list_entries(connection, wanted, below, limit)
        simulated = await door.simulated(connection)
    return page_answer(NOUN, rows, (rows[-1].entry_id,) if len(rows) == limit else None, simulated=simulated)


@get("/v1/operator/audit/verify", opt=demands(Scope.AUDIT_READ))
async def prove_trail(request: ApiRequest) -> Response[bytes]:
    """Walk a part of the chain, from behind the entry that ``after`` numbers; ``next`` is where to go on, null at the end or a break."""
    database: Database = request.app.state.database
    after = read_number(request.query_params, "after") or 0
    proof, following = await prove_part(database, after)
    return json_answer({"proof": proof, "holds": proof.holds, "next": following})


async def prove_part(database: Database, after: int) -> tuple[ChainProof, int | None]:
    """Prove up to ``PROVEN_MAX`` entries behind one; return what was found, and where to go on (None: the end, or a break)."""
    async with database.connection() as connection:
        proof = await verify(connection, after, PROVEN_MAX)
    return proof, proof.last_id if proof.holds and proof.entries == PROVEN_MAX else None


def read_filter(parameters: Mapping[str, str]) -> AuditFilter:
    """Read which entries are wanted.

    Raises:
        ParameterInvalid: a parameter names nothing that an entry could have.
    """
    try:
        action = Action(parameters["action"]) if "action" in parameters else None
        kind = ActorKind(parameters["actor_kind"]) if "actor_kind" in parameters else None
    except ValueError:
        raise ParameterInvalid("action and actor_kind are words of the trail") from None
    return AuditFilter(
        action=action,
        actor_kind=kind,
        actor_id=read_number(parameters, "actor_id"),
        subject_kind=_text(parameters, "subject_kind", MAX_TEXT_CHARS),
        subject_id=_text(parameters, "subject_id", MAX_SUBJECT_CHARS),
        since=read_time(parameters, "since"),
        until=read_time(parameters, "until"),
    )


def read_number(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS) or int(text) > MAX_ID:
        raise ParameterInvalid(f"{name} is a number")
    return int(text)


def read_time(parameters: Mapping[str, str], name: str) -> datetime | None:
    """Read a moment with its offset from UTC (``2026-01-31T12:00:00Z``)."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text[:MAX_TEXT_CHARS].replace(" ", "+"))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not 1 < time.year < 9999:
        raise ParameterInvalid(f"{name} is a time with its offset, as 2026-01-31T12:00:00Z")
    return time


def _text(parameters: Mapping[str, str], name: str, max_chars: int) -> str | None:
    text = parameters.get(name)
    if text is not None and (len(text) > max_chars or not text.isprintable()):
        raise ParameterInvalid(f"{name} is a short text")
    return text


def operator_audit_router() -> Router:
    return Router(path="/", route_handlers=[show_trail, prove_trail], before_request=admit)
