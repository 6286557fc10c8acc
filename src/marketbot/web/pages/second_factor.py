"""/second-factor: the code of somebody who logs in, and how one is set up, renewed and turned off."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, Standing, caller_of, of_person, person_of
from marketbot.api.session_answers import seen_by as seen_of
from marketbot.people.changes import begin_enrolment, confirm_enrolment, end_enrolment, renew_recovery_codes
from marketbot.people.login import show_code
from marketbot.people.reception import NewSession, Refusal
from marketbot.store.people import PersonRow, read_person
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.page import go_to, show
from marketbot.web.people import begin, give, reception_of, told

MAX_SECRET_CHARS = 64


@get("/second-factor", opt=of_person(Standing.ANY))
async def second_factor(request: ApiRequest) -> Response[bytes]:
    """Ask for a code where one is owed; else tell how the second factor stands."""
    person = await _person(request)
    if caller_of(request).owes and person.totp_confirmed_at is not None:
        return await show(request, "code.html", form=Form())
    return await show(request, "second_factor.html", person=person, owes=caller_of(request).owes, form=Form())


@post("/second-factor", opt=of_person(Standing.ANY))
async def take_code(request: ApiRequest) -> Response[bytes]:
    caller = caller_of(request)
    assert caller.session_id is not None
    code = form_of(request).get("code", "")
    new = await show_code(reception_of(request), person_of(request), caller.session_id, code, seen_of(request))
    if not isinstance(new, NewSession):
        return await show(request, "code.html", status=422, form=Form({}, told(new)))
    return begin(request, new)


@post("/second-factor/begin", opt=of_person(Standing.ANY))
async def begin_setting_up(request: ApiRequest) -> Response[bytes]:
    """Show a new secret; it is in force once a code of it was shown."""
    made = await begin_enrolment(reception_of(request), person_of(request))
    if isinstance(made, Refusal):
        return go_to(request, "/second-factor")
    return await show(request, "enrol.html", secret=made.secret, picture=made.qr_svg, url=made.otpauth_url, form=Form())


@post("/second-factor/confirm", opt=of_person(Standing.ANY))
async def confirm(request: ApiRequest) -> Response[bytes]:
    """Put it in force, and show the recovery codes this once."""
    typed = form_of(request)
    done = await confirm_enrolment(reception_of(request), person_of(request), typed.get("code", ""), seen_of(request))
    if not isinstance(done, tuple):
        # What was shown before is shown again as text: it was scanned already, or is typed.
        secret = typed.get("secret", "")[:MAX_SECRET_CHARS]
        return await show(request, "enrol.html", status=422, secret=secret, picture="", url="", form=Form({}, told(done)))
    new, codes = done
    response = await show(request, "recovery_codes.html", codes=codes)
    give(request, response, new)
    return response


@post("/second-factor/codes", opt=of_person())
async def renew_codes(request: ApiRequest) -> Response[bytes]:
    typed = form_of(request)
    done = await renew_recovery_codes(
        reception_of(request), person_of(request), typed.get("present", ""), typed.get("code", ""), seen_of(request)
    )
    if not isinstance(done, list):
        return await _again(request, told(done))
    return await show(request, "recovery_codes.html", codes=done)


@post("/second-factor/end", opt=of_person())
async def turn_off(request: ApiRequest) -> Response[bytes]:
    typed = form_of(request)
    new = await end_enrolment(
        reception_of(request), person_of(request), typed.get("present", ""), typed.get("code", ""), seen_of(request)
    )
    if not isinstance(new, NewSession):
        return await _again(request, told(new))
    return begin(request, new, "/profile", "factor_off")


async def _again(request: ApiRequest, errors: dict[str, str]) -> Response[bytes]:
    person = await _person(request)
    return await show(request, "second_factor.html", status=422, person=person, owes=False, form=Form({}, errors))


async def _person(request: ApiRequest) -> PersonRow:
    async with reception_of(request).connect() as connection:
        person = await read_person(connection, person_of(request))
    assert person is not None, "whoever is logged in is there"
    return person
