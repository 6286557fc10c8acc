"""/accounts/ID/key, /test and /disconnect: another key for an account, the key asked about anew, and the account's end here."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from marketbot.accounts.onboarding import Objection, read_key
from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.key_changes import disconnect_account, give_key, prove_key, ways_out
from marketbot.api.paging import MAX_ID
from marketbot.api.user_door import UserDoor
from marketbot.domain.ids import AccountId
from marketbot.domain.scope import Scope
from marketbot.store.own_keys import Holdings, holdings
from marketbot.store.pool import Connection
from marketbot.store.user_accounts import AccountRow, read_own_account
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.key_words import guide_of, objection_of, page_of, problems_of, story_of
from marketbot.web.page import go_to, seen_by, show


@get("/accounts/{account_id:int}/key", opt=demands(Scope.ACCOUNTS_WRITE))
async def another_key(request: ApiRequest) -> Response[bytes]:
    return await _show_key(request, Form())


@post("/accounts/{account_id:int}/key", opt=demands(Scope.ACCOUNTS_WRITE))
async def take_key(request: ApiRequest) -> Response[bytes]:
    """Seal another key to the engines; the one that the account has works until an engine has taken it."""
    typed = form_of(request)
    fields = {"api_key": typed.get("api_key", ""), "api_secret": typed.get("api_secret", "")}
    wish = read_key(fields | ({"passphrase": typed["passphrase"]} if typed.get("passphrase") else {}))
    if isinstance(wish, list):
        return await _show_key(request, Form({}, problems_of(wish)))
    done = await give_key(request, account_of(request), wish)
    if done is Objection.NOT_FOUND:
        return error_page(request, 404)
    if isinstance(done, Objection):
        return await _show_key(request, Form({}, objection_of(done)))
    return go_to(request, f"/accounts/{done.account.account_id}", "key_given")


@post("/accounts/{account_id:int}/test", opt=demands(Scope.ACCOUNTS_WRITE))
async def test_account(request: ApiRequest) -> Response[bytes]:
    """Have the venue asked anew; the account's page shows what it says."""
    done = await prove_key(request, account_of(request))
    if done is Objection.NOT_FOUND:
        return error_page(request, 404)
    return go_to(request, f"/accounts/{account_of(request)}", "unchanged" if isinstance(done, Objection) else "key_asked")


@get("/accounts/{account_id:int}/disconnect", opt=demands(Scope.ACCOUNTS_WRITE))
async def ask_disconnect(request: ApiRequest) -> Response[bytes]:
    """Say what would be left at the venue, and ask."""
    return await _show_disconnect(request)


@post("/accounts/{account_id:int}/disconnect", opt=demands(Scope.ACCOUNTS_WRITE))
async def take_disconnect(request: ApiRequest) -> Response[bytes]:
    """Take the key away. What came to be held since the question was shown is shown first, and asked about again."""
    force = form_of(request).get("force") == "true"
    done = await disconnect_account(request, account_of(request), force=force)
    if done is Objection.NOT_FOUND:
        return error_page(request, 404)
    if isinstance(done, Objection):
        return await _show_disconnect(request, status=422)
    return go_to(request, f"/accounts/{done.account.account_id}", "disconnected")


def account_of(request: ApiRequest) -> AccountId:
    """Return the address's account; one that no row can have stands for a number that is too large."""
    number: int = request.path_params["account_id"]
    return AccountId(number if 0 < number <= MAX_ID else 0)


async def _show_key(request: ApiRequest, form: Form) -> Response[bytes]:
    account, _, simulated = await _read(request)
    if account is None:
        return error_page(request, 404)
    story = story_of(account, ways_out(request), seen_by(request).language)
    if story.disconnected:
        return go_to(request, f"/accounts/{account.account_id}")
    guide = guide_of(account.venue)
    facts: dict[str, Any] = {"account": account, "story": story, "guide": guide, "ways": ways_out(request)}
    facts |= {"guide_page": "" if guide is None else page_of(guide, account.environment), "language": seen_by(request).language}
    return await show(request, "account_key.html", status=422 if form.errors else 200, simulated=simulated, form=form, **facts)


async def _show_disconnect(request: ApiRequest, status: int = 200) -> Response[bytes]:
    account, held, simulated = await _read(request)
    if account is None:
        return error_page(request, 404)
    if account.status == "disconnected":
        return go_to(request, f"/accounts/{account.account_id}")
    return await show(request, "disconnect.html", status=status, simulated=simulated, account=account, held=held)


async def _read(request: ApiRequest) -> tuple[AccountRow | None, Holdings, bool]:
    door: UserDoor = request.app.state.door
    user_id, account_id = user_of(request), account_of(request)

    async def read(connection: Connection) -> tuple[AccountRow | None, Holdings]:
        account = await read_own_account(connection, user_id, account_id)
        return account, await holdings(connection, user_id, account_id)

    (account, held), simulated = await door.read(user_id, read)
    return account, held, simulated
