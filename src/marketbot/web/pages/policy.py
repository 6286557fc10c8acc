"""GET and POST /operator/policy: every number of the policy, in words; a change is shown with what it does before it is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.controls.policy import edit_policy, policy_entry
from marketbot.domain.audit_entry import Action, ActorKind
from marketbot.domain.policy import Bound, Policy
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import NEWEST, AuditFilter, AuditRow, list_entries, record
from marketbot.store.people_list import person_names
from marketbot.store.policy import (
    LIMITS,
    RESTRICTED_SYMBOLS_MAX,
    PolicyFault,
    PostgresPolicyBook,
    decode_policy,
    encode_policy,
    policy_changed_at,
    policy_faults,
    read_policy,
)
from marketbot.store.policy_reach import BOUNDED, clamped_accounts
from marketbot.store.pool import Connection
from marketbot.web.admission import form_of
from marketbot.web.formats import Formats
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show

PARTS = ("low", "default", "high")
PACE = ("validation_window_s", "execution_window_s", "operations_per_minute", "price_collar_pct", "reference_max_age_s")
SIZE = ("max_order_notional", "max_account_notional")
SYMBOLS = "restricted_symbols"
SYMBOLS_EDITED_MAX = 1_000
"""Restricted instruments that a form has room for; of more the page says how many, and leaves them as they are."""
CHANGES_SHOWN = 10
"""The latest changes that are told of beside the policy."""
FAULTS = {each: f"policy_fault.{each.value}" for each in PolicyFault}
_BETWEEN = re.compile(r"[\s,;]+")

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ToldChange:
    """One entry of the trail: who changed which settings, from what to what."""

    at: datetime
    kind: str
    who: str
    changes: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting before and after; ``clamped`` accounts' wishes lie outside of the new bounds, None where it bounds none."""

    name: str
    before: str
    after: str
    clamped: int | None
    clamped_before: int


@get("/operator/policy", opt=demands(Scope.OPERATOR_READ))
async def policy(request: ApiRequest) -> Response[bytes]:
    return await _show(request)


@post("/operator/policy", opt=demands(Scope.POLICY_WRITE))
async def alter_policy(request: ApiRequest) -> Response[bytes]:
    """Show what a change does; with ``confirmed`` make it, unless somebody else changed the policy since the form was read."""
    database: Database = request.app.state.database
    typed, formats = form_of(request), seen_by(request).formats
    document = read_document(typed, formats)
    confirmed = typed.get("confirmed") == "true"
    async with database.connection() as connection, connection.transaction():
        stale = typed.get("seen", "") != _mark(await policy_changed_at(connection, to_change=True))
        before = await read_policy(connection)
        whole = {**encode_policy(before), **document}
        faults = [] if stale else policy_faults(whole)
        after = before if stale or faults else decode_policy(whole)
        changes = {name: value for name, value in document.items() if getattr(before, name) != getattr(after, name)}
        if changes and confirmed:
            done = await edit_policy(PostgresPolicyBook(connection), changes)
            await record(connection, policy_entry(actor_of(request), done))
        differences = await _differences(connection, before, after, formats) if changes and not confirmed else []
    if stale:
        return await _show(request, errors={"": "policy.changed_meanwhile"})
    if faults:
        return await _show(request, Form(typed, {each.field: FAULTS[each.fault] for each in faults}))
    if differences:
        return await show(request, "policy_review.html", differences=differences, typed=typed)
    if changes:
        log.info("policy_changed", settings=sorted(changes), by_person=caller_of(request).person_id)
    return go_to(request, "/operator/policy", "policy_saved" if changes else "unchanged")


def read_document(typed: Mapping[str, str], formats: Formats) -> dict[str, Any]:
    """Return a form as the API's document; what is no number is passed on as it is, for the rule to refuse."""

    def number(name: str) -> str:
        text = typed.get(name, "").strip()
        found = formats.read_number(text)
        return text if found is None else f"{found:f}"

    document: dict[str, Any] = {name: {part: number(f"{name}.{part}") for part in PARTS} for name in BOUNDED}
    document |= {name: number(name) for name in (*PACE, *SIZE)}
    if SYMBOLS not in typed:
        return document
    symbols = [each.upper() for each in _BETWEEN.split(typed[SYMBOLS].strip()) if each]
    return {**document, SYMBOLS: sorted(set(symbols))[: RESTRICTED_SYMBOLS_MAX + 1]}


async def _show(request: ApiRequest, form: Form | None = None, errors: Mapping[str, str] | None = None) -> Response[bytes]:
    database: Database = request.app.state.database
    formats, scopes = seen_by(request).formats, caller_of(request).scopes
    async with database.connection() as connection:
        present = await read_policy(connection)
        changed_at = await policy_changed_at(connection)
        clamped = await clamped_accounts(connection, present)
        trail = await _told_changes(connection) if Scope.AUDIT_READ in scopes else []
    form = form or Form(_values(present, formats), errors or {})
    return await show(
        request,
        "policy.html",
        status=422 if form.errors else 200,
        policy=present,
        usual=Policy(),
        bounded=BOUNDED,
        parts=PARTS,
        pace=PACE,
        size=SIZE,
        limits=LIMITS,
        most_symbols=SYMBOLS_EDITED_MAX,
        clamped=clamped,
        trail=trail,
        changed_at=changed_at,
        form=form,
        # What was typed after somebody else's change is judged against that change.
        seen=_mark(changed_at) if "seen" not in form.values else form["seen"],
        may_change=Scope.POLICY_WRITE in scopes,
        may_audit=Scope.AUDIT_READ in scopes,
    )


async def _told_changes(connection: Connection) -> list[ToldChange]:
    rows = await list_entries(connection, AuditFilter(action=Action.POLICY_CHANGED), NEWEST, CHANGES_SHOWN)
    ids = [row.actor_id for row in rows if row.actor_kind == ActorKind.PERSON and row.actor_id is not None]
    names = await person_names(connection, ids)
    return [ToldChange(row.at, row.actor_kind, _who(row, names), sorted(_told(row.facts))) for row in rows]


def _told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in facts.items()]


def _who(row: AuditRow, names: Mapping[int, str]) -> str:
    """Return a person's name while they are here, else a number."""
    if row.actor_id is None:
        return ""
    return names.get(row.actor_id, str(row.actor_id)) if row.actor_kind == ActorKind.PERSON else str(row.actor_id)


async def _differences(connection: Connection, before: Policy, after: Policy, formats: Formats) -> list[Difference]:
    was, will = await clamped_accounts(connection, before), await clamped_accounts(connection, after)
    names = [field.name for field in fields(Policy) if getattr(before, field.name) != getattr(after, field.name)]
    return [
        Difference(
            name, _words(getattr(before, name), formats), _words(getattr(after, name), formats), will.get(name), was.get(name, 0)
        )
        for name in names
    ]


def _words(value: object, formats: Formats) -> str:
    if isinstance(value, Bound):
        return f"{formats.number(value.low)} – {formats.number(value.default)} – {formats.number(value.high)}"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "–"
    assert isinstance(value, int | Decimal)
    return formats.number(value)


def _values(policy: Policy, formats: Formats) -> dict[str, str]:
    values = {f"{name}.{part}": formats.typed(getattr(getattr(policy, name), part)) for name in BOUNDED for part in PARTS}
    values |= {name: formats.typed(getattr(policy, name)) for name in (*PACE, *SIZE)}
    return {**values, SYMBOLS: " ".join(sorted(policy.restricted_symbols))}


def _mark(changed_at: datetime | None) -> str:
    """Return what a form carries of the policy that it was made from."""
    return "" if changed_at is None else changed_at.isoformat()
