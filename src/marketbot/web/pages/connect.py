"""GET and POST /accounts/connect: the way from no key to an account that is being proven, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post

from marketbot.accounts.onboarding import Objection, read_account
from marketbot.accounts.venue_guide import VENUES
from marketbot.api.admission import ApiRequest, demands
from marketbot.api.key_changes import connect_account, ways_out
from marketbot.domain.scope import Scope
from marketbot.domain.venue import Environment
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.key_words import OTHER, guide_of, objection_of, page_of, problems_of, without_key
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.source_boxes import FOLLOW, followed, sources_offered

CHOICES = ("venue", "exchange", "environment")
KEPT = ("label", *CHOICES)
MAX_CHOICE_CHARS = 64


@get("/accounts/connect", opt=demands(Scope.ACCOUNTS_WRITE))
async def connect(request: ApiRequest) -> Response[bytes]:
    """Ask where first; then show what to do there, and ask for the key."""
    asked = {name: request.query_params.get(name, "")[:MAX_CHOICE_CHARS] for name in KEPT}
    errors = _choice_errors(asked) if asked["venue"] else {}
    return await _show(request, Form(asked, errors))


@post("/accounts/connect", opt=demands(Scope.ACCOUNTS_WRITE))
async def take_connect(request: ApiRequest) -> Response[bytes]:
    """Seal the key to the engines and go to the account's page, which shows how its check goes."""
    typed = form_of(request)
    errors = _choice_errors(typed)
    if typed.get("environment") == Environment.MAINNET and typed.get("real") != "true":
        errors["real"] = "fault.real_money"
    wish = read_account(_document(typed))
    if isinstance(wish, list):
        errors = problems_of(wish) | errors
    if errors or isinstance(wish, list):
        return await _show(request, Form(without_key(typed), errors))
    done = await connect_account(request, wish)
    if isinstance(done, Objection):
        return await _show(request, Form(without_key(typed), objection_of(done)))
    return go_to(request, f"/accounts/{done.account.account_id}", "connecting")


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    venue, environment = form["venue"], form["environment"] or Environment.TESTNET.value
    chosen = "venue" not in form.errors and "environment" not in form.errors and bool(venue)
    guide = guide_of(venue) if chosen else None
    facts: dict[str, Any] = {"guide": guide, "venues": VENUES, "other": OTHER, "follow": FOLLOW}
    if guide is not None:
        facts |= {
            "guide_page": page_of(guide, environment),
            "ways": ways_out(request),
            "sources": await sources_offered(request),
            "environment": environment,
            "venue": _venue(form.values),
            "language": seen_by(request).language,
        }
    return await show(request, "connect.html", status=422 if form.errors else 200, form=form, **facts)


def _choice_errors(typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with where; the rest of a key's form means nothing without it."""
    errors = {}
    if guide_of(typed.get("venue", "")) is None or (typed.get("venue") == OTHER and not _is_exchange(typed.get("exchange", ""))):
        errors["venue"] = "fault.venue"
    if typed.get("environment", "") not in ("", *Environment):
        errors["environment"] = "fault.environment"
    return errors


def _is_exchange(text: str) -> bool:
    return text.strip().isalnum() and text.strip().isascii()


def _venue(typed: Mapping[str, str]) -> str:
    venue = typed.get("venue", "")
    return f"{OTHER}:{typed.get('exchange', '').strip().lower()}" if venue == OTHER else venue


def _document(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the form as the API's document."""
    document: dict[str, Any] = {name: typed.get(name, "") for name in ("label", "environment", "api_key", "api_secret")}
    document |= {"venue": _venue(typed), "follows": sorted(followed(typed))}
    return document | ({"passphrase": typed["passphrase"]} if typed.get("passphrase") else {})
