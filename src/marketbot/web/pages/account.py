"""GET and POST /accounts/ID: an account's settings, the operator's range beside each field, and what they mean for the price."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post

from marketbot.accounts.onboarding import Objection
from marketbot.accounts.settings import MAX_SYMBOLS, SettingFault, SettingProblem, read_settings
from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.identity import actor_of
from marketbot.api.key_changes import follow_sources, ways_out
from marketbot.api.paging import MAX_ID
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry, fact
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.policy import Bound, Policy, Wishes, settle
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.policy import read_policy
from marketbot.store.pool import Connection
from marketbot.store.user_accounts import AccountRow, change_settings, read_own_account
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.formats import Formats
from marketbot.web.forms import Form
from marketbot.web.key_words import KeyStory, story_of
from marketbot.web.page import go_to, part, seen_by, show
from marketbot.web.source_boxes import FOLLOW, followed, sources_offered

NUMBERS = ("leverage", "stop_multiplier", "target_multiplier", "position_size_pct", "max_positions", "cooldown_min")
"""Settings that the operator bounds, as they stand on the page."""
SYMBOL_LISTS = ("allowed_symbols", "denied_symbols")
FLAGS = ("paused", "reduce_only")
FAULTS = {
    SettingFault.NOT_A_NUMBER: "fault.number",
    SettingFault.NOT_WHOLE: "fault.whole",
    SettingFault.OUT_OF_RANGE: "fault.range",
    SettingFault.NOT_SYMBOLS: "fault.symbols",
}
_BETWEEN = re.compile(r"[\s,;]+")

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class NumberField:
    """A bounded setting: what is typed into its field, and the range beside it."""

    name: str
    bound: Bound
    typed: str


@get("/accounts/{account_id:int}", opt=demands(Scope.ACCOUNTS_READ))
async def account(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part=key`` what is known of the key, which its script reads anew."""
    wanted = request.query_params.get("part", "")
    if wanted not in ("", "key"):
        return error_page(request, 404)
    door: UserDoor = request.app.state.door
    user_id, account_id = user_of(request), _account_id(request)
    (row, policy), simulated = await door.read(
        user_id,
        lambda connection: _both(connection, user_id, account_id),
    )
    if row is None:
        return error_page(request, 404)
    if wanted:
        return part(request, "account/key.html", account=row, story=_story(request, row))
    formats = seen_by(request).formats
    return await _show(request, row, policy, Form(_values(row, formats)), simulated=simulated)


@post("/accounts/{account_id:int}", opt=demands(Scope.SETTINGS_WRITE))
async def change_account(request: ApiRequest) -> Response[bytes]:
    """Change all settings of the form, or none where one is wrong."""
    door: UserDoor = request.app.state.door
    user_id, account_id, typed = user_of(request), _account_id(request), form_of(request)
    document = _document(typed, seen_by(request).formats)
    async with door.writing(user_id) as connection:
        row, policy = await _both(connection, user_id, account_id)
        if row is None:
            return error_page(request, 404)
        changes = read_settings(document, policy)
        changed = not isinstance(changes, list) and await change_settings(connection, user_id, account_id, changes)
        simulated = await door.simulated(connection)
        if changed and not isinstance(changes, list):
            facts = {name: fact(value) for name, value in changes.items()}
            await record(connection, AuditEntry(Action.SETTINGS_CHANGED, actor_of(request), "account", str(account_id), facts))
    if isinstance(changes, list):
        form = Form(typed, {problem.field: _fault(problem) for problem in changes})
        return await _show(request, row, policy, form, simulated=simulated, status=422)
    if changed:
        log.info("settings_changed", user_id=user_id, account_id=account_id, fields=sorted(changes))
    return go_to(request, f"/accounts/{account_id}", "saved" if changed else "unchanged")


@post("/accounts/{account_id:int}/follows", opt=demands(Scope.SETTINGS_WRITE))
async def change_follows(request: ApiRequest) -> Response[bytes]:
    """Let an account follow the sources whose boxes are ticked, and of those that have no box the ones that it follows."""
    door: UserDoor = request.app.state.door
    user_id, account_id = user_of(request), _account_id(request)
    row, _ = await door.read(user_id, lambda connection: read_own_account(connection, user_id, account_id))
    if row is None:
        return error_page(request, 404)
    offered = await sources_offered(request)
    hidden = set(row.follows) - set(offered)
    done = await follow_sources(request, account_id, frozenset(followed(form_of(request)) | hidden))
    if isinstance(done, Objection):
        return error_page(request, 404 if done is Objection.NOT_FOUND else 400)
    return go_to(request, f"/accounts/{account_id}", "saved")


async def _both(connection: Connection, user_id: UserId, account_id: AccountId) -> tuple[AccountRow | None, Policy]:
    return await read_own_account(connection, user_id, account_id), await read_policy(connection)


async def _show(
    request: ApiRequest, row: AccountRow, policy: Policy, form: Form, *, simulated: bool, status: int = 200
) -> Response[bytes]:
    sources = await sources_offered(request)
    fields = [NumberField(name, getattr(policy, name), form[name]) for name in NUMBERS]
    wishes = Wishes(row.leverage, row.stop_multiplier, row.target_multiplier)
    return await show(
        request,
        "account.html",
        status=status,
        simulated=simulated,
        account=row,
        story=_story(request, row),
        sources=sources,
        follow=FOLLOW,
        fields=fields,
        form=form,
        policy=policy,
        settled=settle(policy, wishes),
    )


def _story(request: ApiRequest, row: AccountRow) -> KeyStory:
    return story_of(row, ways_out(request), seen_by(request).language)


def _account_id(request: ApiRequest) -> AccountId:
    """Return the address's account; one that no row can have stands for a number that is too large."""
    number: int = request.path_params["account_id"]
    return AccountId(number if 0 < number <= MAX_ID else 0)


def _values(row: AccountRow, formats: Formats) -> dict[str, str]:
    values = {name: formats.typed(getattr(row, name)) for name in (*NUMBERS, "daily_loss_limit")}
    values |= {name: ", ".join(getattr(row, name) or ()) for name in SYMBOL_LISTS}
    return values | {name: "true" for name in FLAGS if getattr(row, name)}


def _document(typed: Mapping[str, str], formats: Formats) -> dict[str, Any]:
    """Return a form as the API's document: an empty field takes a wish back, a box that is not ticked sends nothing."""
    document: dict[str, Any] = {name: typed.get(name) == "true" for name in FLAGS}
    for name in (*NUMBERS, "daily_loss_limit"):
        text = typed.get(name, "").strip()
        number = formats.read_number(text)
        # What is no number is passed on as it is, for the rule to refuse.
        document[name] = None if not text else text if number is None else number
    for name in SYMBOL_LISTS:
        symbols = [each for each in _BETWEEN.split(typed.get(name, "").strip()) if each][: MAX_SYMBOLS + 1]
        document[name] = symbols or None
    return document


def _fault(problem: SettingProblem) -> str:
    return FAULTS.get(problem.fault, "fault.invalid")
