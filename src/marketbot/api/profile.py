"""What people change about themselves: profile, password, second factor."""

from __future__ import annotations

from litestar import Response, Router, delete, patch, post

from marketbot.api.admission import ApiRequest, Standing, admit, of_person, person_of, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.fields import language_field, person_name_field, refuse_others, secret_field, time_zone_field
from marketbot.api.identity import actor_of
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_answers import refusal_answer, seen_by, session_answer
from marketbot.domain.audit_entry import Action, AuditEntry, fact
from marketbot.observability.logs import logger
from marketbot.people.changes import begin_enrolment, change_password, confirm_enrolment, end_enrolment, renew_recovery_codes
from marketbot.people.reception import NewSession, Reception
from marketbot.people.totp import Enrolment
from marketbot.store.audit_trail import record
from marketbot.store.people import read_person, set_profile

log = logger(__name__)


@patch("/v1/session/profile", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_profile(request: ApiRequest) -> Response[bytes]:
    """Change ``name``, ``language``, ``time_zone``; what the body leaves out stays."""
    database: Database = request.app.state.database
    person_id = person_of(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("name", "language", "time_zone"))
    async with database.connection() as connection, connection.transaction():
        person = await read_person(connection, person_id)
        if person is None:
            return api_problem(ApiReason.SESSION_INVALID, spoken_by(request))
        name = person_name_field({"name": person.name, **document})
        language = language_field(document, person.language)
        time_zone = time_zone_field(document, person.time_zone)
        await set_profile(connection, person_id, name, language, time_zone)
        changed = await read_person(connection, person_id)
        facts = {"fields": fact(list(document))}
        await record(connection, AuditEntry(Action.PERSON_CHANGED, actor_of(request), "person", str(person_id), facts))
    log.info("profile_changed", person_id=person_id, fields=sorted(document))
    return json_answer({"person": changed})


@post("/v1/session/password", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES)
async def post_password(request: ApiRequest) -> Response[bytes]:
    """Change the password, from ``present`` to ``password``. Every session ends; the answer is a new one."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("present", "password"))
    present, wanted = secret_field(document, "present"), secret_field(document, "password")
    new = await change_password(reception, person_of(request), present, wanted, seen_by(request))
    return session_answer(request, new) if isinstance(new, NewSession) else refusal_answer(request, new)


@post("/v1/session/totp", opt=of_person(Standing.ANY))
async def post_totp(request: ApiRequest) -> Response[bytes]:
    """Begin to set up a second factor: a secret, the address that an app opens, and its picture. Shown this once."""
    reception: Reception = request.app.state.reception
    made = await begin_enrolment(reception, person_of(request))
    if not isinstance(made, Enrolment):
        return refusal_answer(request, made)
    return json_answer({"secret": made.secret, "otpauth_url": made.otpauth_url, "qr_svg": made.qr_svg}, 201)


@post("/v1/session/totp/confirm", opt=of_person(Standing.ANY), request_max_body_size=MAX_COMMAND_BYTES)
async def post_confirmation(request: ApiRequest) -> Response[bytes]:
    """Put it in force by a first ``code``. The answer is a new session and the recovery codes, shown this once."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("code",))
    made = await confirm_enrolment(reception, person_of(request), secret_field(document, "code"), seen_by(request))
    if not isinstance(made, tuple):
        return refusal_answer(request, made)
    new, codes = made
    return session_answer(request, new, recovery_codes=codes)


@delete("/v1/session/totp", opt=of_person(), status_code=200, request_max_body_size=MAX_COMMAND_BYTES)
async def delete_totp(request: ApiRequest) -> Response[bytes]:
    """Turn a user's second factor off, against ``password`` and ``code``. The answer is a new session."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("password", "code"))
    password, code = secret_field(document, "password"), secret_field(document, "code")
    new = await end_enrolment(reception, person_of(request), password, code, seen_by(request))
    return session_answer(request, new) if isinstance(new, NewSession) else refusal_answer(request, new)


@post("/v1/session/recovery-codes", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES)
async def post_recovery_codes(request: ApiRequest) -> Response[bytes]:
    """Make new recovery codes, against ``password`` and ``code``; earlier ones work no more. Shown this once."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("password", "code"))
    password, code = secret_field(document, "password"), secret_field(document, "code")
    codes = await renew_recovery_codes(reception, person_of(request), password, code, seen_by(request))
    return json_answer({"recovery_codes": codes}, 201) if isinstance(codes, list) else refusal_answer(request, codes)


def profile_router() -> Router:
    handlers = [patch_profile, post_password, post_totp, post_confirmation, delete_totp, post_recovery_codes]
    return Router(path="/", route_handlers=handlers, before_request=admit)
