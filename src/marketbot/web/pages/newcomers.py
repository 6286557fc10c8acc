"""/setup and /invitation: how people come to be, each by a link that works once."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest
from marketbot.api.fields import MAX_PERSON_NAME_CHARS
from marketbot.api.session_answers import seen_by as seen_of
from marketbot.domain.person import Locale
from marketbot.domain.reasons import Language
from marketbot.people.email_address import read_email
from marketbot.people.newcomers import Wanted, accept, look_at_invitation, set_up
from marketbot.people.reception import NewSession
from marketbot.store.invitations import InvitationRow
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.page import seen_by, show
from marketbot.web.people import begin, reception_of, told
from marketbot.web.viewer import Viewer


@get("/setup")
async def setup(request: ApiRequest) -> Response[bytes]:
    """The form; the link's secret stands behind its ``#``, which no browser sends: the page's script puts it into a field."""
    return await show(request, "setup.html", form=Form())


@post("/setup")
async def take_setup(request: ApiRequest) -> Response[bytes]:
    """Make the first admin, who then has a second factor to set up."""
    typed = form_of(request)
    wanted, errors = read_wanted(typed, seen_by(request))
    email = read_email(typed.get("email", ""))
    if email is None:
        errors["email"] = "fault.email"
    if errors or email is None:
        return await show(request, "setup.html", status=422, form=Form(_kept(typed), errors))
    new = await set_up(reception_of(request), typed.get("token", ""), email, wanted, seen_of(request))
    if not isinstance(new, NewSession):
        return await show(request, "setup.html", status=422, form=Form(_kept(typed), told(new)))
    return begin(request, new)


@get("/invitation")
async def invitation(request: ApiRequest) -> Response[bytes]:
    """Ask for the link's secret, which the page's script fills in and sends."""
    return await show(request, "link.html")


@post("/invitation")
async def accept_invitation(request: ApiRequest) -> Response[bytes]:
    """Show what the link invites to; with a name and a password, accept it."""
    typed = form_of(request)
    token = typed.get("token", "")
    found = await look_at_invitation(reception_of(request), token, seen_of(request))
    if not isinstance(found, InvitationRow):
        return await show(request, "link_over.html", status=410)
    if "name" not in typed:
        return await show(request, "invitation.html", form=Form({"token": token}), email=found.email, role=found.role.value)
    wanted, errors = read_wanted(typed, seen_by(request))
    if not errors:
        new = await accept(reception_of(request), token, wanted, seen_of(request))
        if isinstance(new, NewSession):
            return begin(request, new)
        errors = told(new)
    return await show(
        request, "invitation.html", status=422, form=Form(_kept(typed), errors), email=found.email, role=found.role.value
    )


def read_wanted(typed: Mapping[str, str], viewer: Viewer) -> tuple[Wanted, dict[str, str]]:
    """Return what somebody says of themselves, and what is wrong with it; language and zone are those that they see the page in."""
    name = typed.get("name", "").strip()
    errors: dict[str, str] = {}
    if not name or len(name) > MAX_PERSON_NAME_CHARS or not name.isprintable():
        errors["name"] = "fault.name"
    if typed.get("password", "") != typed.get("again", ""):
        errors["again"] = "fault.not_the_same"
    locale = Locale.PT_BR if viewer.language is Language.PT else Locale.EN
    return Wanted(name, typed.get("password", ""), locale, viewer.formats.zone_name()), errors


def _kept(typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is written back into a form: never a password."""
    return {name: typed.get(name, "") for name in ("token", "email", "name")}
