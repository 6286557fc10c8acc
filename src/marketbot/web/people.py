"""What pages about people share: who let somebody in, from where they come, and every refusal as a text beside a field."""

from __future__ import annotations

from litestar import Response

from marketbot.api.admission import ApiRequest
from marketbot.api.session_cookie import set_session_cookie
from marketbot.api.session_register import SessionRegister
from marketbot.domain.limits import Verdict
from marketbot.people.password_rules import PasswordFault
from marketbot.people.reception import NewSession, NotDone, Reception, Refusal
from marketbot.web.forms import own_path
from marketbot.web.navigation import first_path
from marketbot.web.page import go_to, is_https
from marketbot.web.viewer import CHOICE_AGE_S, LANGUAGE_COOKIE


def reception_of(request: ApiRequest) -> Reception:
    reception: Reception = request.app.state.reception
    return reception


def told(refused: NotDone) -> dict[str, str]:
    """Return a refusal as a form's errors: beside the field that it is about, or above the form."""
    if isinstance(refused, Verdict):
        return {"": "fault.too_many"}
    if isinstance(refused, PasswordFault):
        return {"password": f"password.{refused.value}"}
    fields = {Refusal.CODE_INVALID: "code", Refusal.PASSWORD_WRONG: "present"}
    return {fields.get(refused, ""): f"refusal.{refused.value}"}


def begin(request: ApiRequest, new: NewSession, path: str = "", said: str = "") -> Response[bytes]:
    """Give a browser its new session and send it on: to the second factor where one is owed, else to where it wanted."""
    onward = own_path(path, first_path(new.person.role)) if new.factor.opens else "/second-factor"
    response = go_to(request, onward, said)
    give(request, response, new)
    return response


def give(request: ApiRequest, response: Response[bytes], new: NewSession) -> None:
    """Hand a browser its new session; what this process knew of the person's earlier ones is looked up anew."""
    sessions: SessionRegister = request.app.state.sessions
    sessions.forget_person(new.person.person_id)
    # Whoever chose a language in their profile sees it wherever they log in.
    language = new.person.language.language.value
    response.set_cookie(LANGUAGE_COOKIE, language, max_age=CHOICE_AGE_S, samesite="lax", secure=is_https(request))
    set_session_cookie(request, response, new.bearer.text, new.life)
