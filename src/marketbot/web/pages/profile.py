"""GET /profile: who one is here, one's password, second factor and sessions; each changed by a form of its own."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, of_person, person_of
from marketbot.api.fields import MAX_PERSON_NAME_CHARS
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID
from marketbot.api.session_answers import seen_by as seen_of
from marketbot.api.session_register import SessionRegister
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.person import Locale
from marketbot.domain.reasons import Language
from marketbot.observability.logs import logger
from marketbot.people.changes import change_password
from marketbot.people.reception import NewSession
from marketbot.store.audit_trail import record
from marketbot.store.people import read_person, set_profile
from marketbot.store.sessions import list_sessions, revoke_session, revoke_sessions
from marketbot.web.admission import form_of
from marketbot.web.formats import read_zone
from marketbot.web.forms import Form
from marketbot.web.page import go_to, is_https, show
from marketbot.web.people import begin, reception_of, told
from marketbot.web.viewer import CHOICE_AGE_S, LANGUAGE_COOKIE

log = logger(__name__)


@get("/profile", opt=of_person())
async def profile(request: ApiRequest) -> Response[bytes]:
    return await _show(request, Form())


@post("/profile", opt=of_person())
async def change_profile(request: ApiRequest) -> Response[bytes]:
    typed, person_id = form_of(request), person_of(request)
    name, language = typed.get("name", "").strip(), typed.get("language", "")
    errors = {}
    if not name or len(name) > MAX_PERSON_NAME_CHARS or not name.isprintable():
        errors["name"] = "fault.name"
    if language not in {each.value for each in Language}:
        errors["language"] = "fault.invalid"
    zone = typed.get("zone", "").strip() or "UTC"
    if zone != "UTC" and str(read_zone(zone)) != zone:
        errors["zone"] = "fault.zone"
    if errors:
        return await _show(request, Form(typed, errors))
    locale = Locale.PT_BR if language == Language.PT else Locale.EN
    async with reception_of(request).connect() as connection, connection.transaction():
        await set_profile(connection, person_id, name, locale, zone)
        facts = {"fields": "language name time_zone"}
        await record(connection, AuditEntry(Action.PERSON_CHANGED, actor_of(request), "person", str(person_id), facts))
    log.info("profile_changed", person_id=person_id)
    response = go_to(request, "/profile", "saved")
    response.set_cookie(LANGUAGE_COOKIE, language, max_age=CHOICE_AGE_S, samesite="lax", secure=is_https(request))
    return response


@post("/profile/password", opt=of_person())
async def take_password(request: ApiRequest) -> Response[bytes]:
    """Change one's password; every other session ends."""
    typed = form_of(request)
    if typed.get("password", "") != typed.get("again", ""):
        return await _show(request, Form({}, {"again": "fault.not_the_same"}))
    new = await change_password(
        reception_of(request), person_of(request), typed.get("present", ""), typed.get("password", ""), seen_of(request)
    )
    if not isinstance(new, NewSession):
        return await _show(request, Form({}, told(new)))
    return begin(request, new, "/profile", "password_set")


@post("/profile/sessions", opt=of_person())
async def end_sessions(request: ApiRequest) -> Response[bytes]:
    """End one session of one's own, or all but this one."""
    typed, caller, person_id = form_of(request), caller_of(request), person_of(request)
    text = typed.get("session", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) else 0
    async with reception_of(request).connect() as connection, connection.transaction():
        if text:
            ended = [number] if 0 < number <= MAX_ID and await revoke_session(connection, person_id, number) else []
        else:
            ended = await revoke_sessions(connection, person_id, caller.session_id)
        if ended:
            kind, subject = ("session", str(number)) if text else ("person", str(person_id))
            facts = {"sessions": len(ended)}
            await record(connection, AuditEntry(Action.SESSION_REVOKED, actor_of(request), kind, subject, facts))
    for each in ended:
        _register(request).forget_session(each)
    log.info("sessions_ended", person_id=person_id, sessions=len(ended))
    if caller.session_id in ended:
        return go_to(request, "/login")
    return go_to(request, "/profile", "sessions_ended" if ended else "unchanged")


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    person_id = person_of(request)
    async with reception_of(request).connect() as connection:
        person = await read_person(connection, person_id)
        sessions = await list_sessions(connection, person_id)
    assert person is not None, "whoever is logged in is there"
    values: Mapping[str, str] = {
        "name": person.name,
        "language": person.language.language.value,
        "zone": person.time_zone,
        **form.values,
    }
    return await show(
        request,
        "profile.html",
        status=422 if form.errors else 200,
        person=person,
        sessions=sessions,
        own=caller_of(request).session_id,
        form=Form(values, form.errors),
    )


def _register(request: ApiRequest) -> SessionRegister:
    register: SessionRegister = request.app.state.sessions
    return register
