"""The addresses of those who are not logged in: set-up, invitations, sign-up, a forgotten password.

Each takes JSON alone, which no other site's form can send, and the secrets come in bodies: an address stands in logs and histories.
"""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, post

from marketbot.api.admission import ApiRequest, refuse_other_sites, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.fields import email_field, language_field, person_name_field, refuse_others, secret_field, time_zone_field
from marketbot.api.limits import address_of
from marketbot.api.problems import ApiReason, api_problem, limit_problem
from marketbot.api.session_answers import refusal_answer, seen_by, session_answer
from marketbot.api.session_register import SessionRegister
from marketbot.domain.limits import MAIL_ADDRESS, MAIL_EMAIL, Check, Verdict
from marketbot.domain.person import Locale
from marketbot.domain.reasons import Language
from marketbot.intake.limits import sender
from marketbot.observability.logs import logger
from marketbot.people.changes import reset_password
from marketbot.people.letters import Letter, ask_letter_to
from marketbot.people.login import email_digest
from marketbot.people.newcomers import Wanted, accept, look_at_invitation, set_up
from marketbot.people.reception import NewSession, Reception
from marketbot.settings import SignUp
from marketbot.store.invitations import InvitationRow

log = logger(__name__)
WANTED = ("name", "password", "language", "time_zone")


@post("/v1/setup", request_max_body_size=MAX_COMMAND_BYTES)
async def post_setup(request: ApiRequest) -> Response[bytes]:
    """Make an admin by the ``token`` of a set-up link, with ``email``, ``name`` and ``password``."""
    reception: Reception = request.app.state.reception
    document = await _read(request, ("token", "email", *WANTED))
    if isinstance(document, Response):
        return document
    token, email, wanted = secret_field(document, "token"), email_field(document), _wanted(request, document)
    new = await set_up(reception, token, email, wanted, seen_by(request))
    return session_answer(request, new) if isinstance(new, NewSession) else refusal_answer(request, new)


@post("/v1/invitations/look", request_max_body_size=MAX_COMMAND_BYTES, status_code=200)
async def post_look(request: ApiRequest) -> Response[bytes]:
    """What a link's ``token`` invites to; it is not used up."""
    reception: Reception = request.app.state.reception
    document = await _read(request, ("token",))
    if isinstance(document, Response):
        return document
    found = await look_at_invitation(reception, secret_field(document, "token"), seen_by(request))
    if not isinstance(found, InvitationRow):
        return refusal_answer(request, found)
    return json_answer({"email": found.email, "role": found.role, "language": found.language, "expires_at": found.expires_at})


@post("/v1/invitations/accept", request_max_body_size=MAX_COMMAND_BYTES)
async def post_acceptance(request: ApiRequest) -> Response[bytes]:
    """Become whom a link's ``token`` invites, with ``name`` and ``password``."""
    reception: Reception = request.app.state.reception
    document = await _read(request, ("token", *WANTED))
    if isinstance(document, Response):
        return document
    new = await accept(reception, secret_field(document, "token"), _wanted(request, document), seen_by(request))
    return session_answer(request, new) if isinstance(new, NewSession) else refusal_answer(request, new)


@post("/v1/sign-up", request_max_body_size=MAX_COMMAND_BYTES, status_code=202)
async def post_sign_up(request: ApiRequest) -> Response[bytes]:
    """Have an invitation sent to one's own ``email``, where the operator allows it. The answer tells nothing about who is here."""
    if request.app.state.sign_up is not SignUp.OPEN:
        return api_problem(ApiReason.SIGN_UP_CLOSED, spoken_by(request))
    return await _write_to(request, Letter.SIGN_UP)


@post("/v1/password/forgot", request_max_body_size=MAX_COMMAND_BYTES, status_code=202)
async def post_forgotten(request: ApiRequest) -> Response[bytes]:
    """Have a link for a new password sent to ``email``. The answer tells nothing about who is here."""
    return await _write_to(request, Letter.RESET_ASKED)


@post("/v1/password/reset", request_max_body_size=MAX_COMMAND_BYTES, status_code=200)
async def post_reset(request: ApiRequest) -> Response[bytes]:
    """Set a new ``password`` by a link's ``token``. Every session ends, and nobody is logged in by it."""
    reception: Reception = request.app.state.reception
    sessions: SessionRegister = request.app.state.sessions
    document = await _read(request, ("token", "password"))
    if isinstance(document, Response):
        return document
    token, wanted = secret_field(document, "token"), secret_field(document, "password")
    done = await reset_password(reception, token, wanted, seen_by(request))
    if not isinstance(done, int):
        return refusal_answer(request, done)
    sessions.forget_person(done)
    return json_answer({"reset": True})


async def _write_to(request: ApiRequest, letter: Letter) -> Response[bytes]:
    """Ask for a letter to whoever has an address: the same work and the same answer whether anybody has it."""
    document = await _read(request, ("email", "language"))
    if isinstance(document, Response):
        return document
    if not request.app.state.mails:
        return api_problem(ApiReason.MAIL_NOT_SET_UP, spoken_by(request))
    email, language = email_field(document), language_field(document, _spoken_locale(request))
    over = await ask_to_write(request, letter, email, language)
    return json_answer({"sent": True}, 202) if over is None else limit_problem(over, spoken_by(request))


async def ask_to_write(request: ApiRequest, letter: Letter, email: str, language: Locale) -> Verdict | None:
    """Have an address written to, where mail is sent at all; return the limit that somebody who asks too often has used up."""
    reception: Reception = request.app.state.reception
    verdict = await reception.limits.take(Check(MAIL_ADDRESS, sender(address_of(request))))
    if not verdict.allowed:
        return verdict
    # Beyond the address's own limit nothing is sent, and nothing is said: one that holds was sent a moment ago, so nobody who floods
    # somebody's mailbox keeps them from their new password.
    if (await reception.limits.take(Check(MAIL_EMAIL, f"{letter.value}:{email_digest(email)}"))).allowed:
        async with reception.connect() as connection, connection.transaction():
            await ask_letter_to(connection, reception.vault, letter, email, language)
    log.info("letter_asked", letter=letter.value)
    return None


async def _read(request: ApiRequest, known: tuple[str, ...]) -> dict[str, Any] | Response[bytes]:
    document = await read_object(request)
    if not isinstance(document, Response):
        refuse_others(document, known)
    return document


def _wanted(request: ApiRequest, document: dict[str, Any]) -> Wanted:
    return Wanted(
        person_name_field(document),
        secret_field(document, "password"),
        language_field(document, _spoken_locale(request)),
        time_zone_field(document, "UTC"),
    )


def _spoken_locale(request: ApiRequest) -> Locale:
    return Locale.PT_BR if spoken_by(request) is Language.PT else Locale.EN


def newcomers_router() -> Router:
    handlers = [post_setup, post_look, post_acceptance, post_sign_up, post_forgotten, post_reset]
    return Router(path="/", route_handlers=handlers, before_request=refuse_other_sites)
