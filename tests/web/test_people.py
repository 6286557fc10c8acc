"""Pages about people, as forms: set-up, invitation, second factor, a new password, profile and sessions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pyotp
from tests.api.conftest import Answer

from marketbot.domain.audit_entry import Actor, ActorKind
from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.people.administration import invite, make_reset_link
from marketbot.people.bearer import Bearer
from marketbot.people.newcomers import make_setup_link

from .conftest import Console
from .scene import PASSWORD, Login, give_session

OTHER_PASSWORD = "outras tantas palavras longas"


def session_of(answer: Answer) -> Login:
    found = re.search(r"marketbot=([A-Za-z0-9_-]{43})", answer.headers["set-cookie"])
    assert found is not None, answer.body
    return Login(Bearer(found[1], b""))


def secret_of(answer: Answer) -> str:
    found = re.search(r'name="secret" value="([A-Z2-7]+)"', answer.body.decode())
    assert found is not None, answer.body
    return found[1]


async def enrol(console: Console, who: Login) -> tuple[Login, str, Answer]:
    """Set up a second factor; return the new session, the secret, and the page with the recovery codes."""
    shown = await console.post("/second-factor/begin", who)
    secret = secret_of(shown)
    assert b"<svg" in shown.body
    wrong = await console.post("/second-factor/confirm", who, code="000000", secret=secret)
    assert (wrong.status, secret_of(wrong)) == (422, secret)
    # A code of the half minute before is taken too: the next one is then still unused.
    earlier = pyotp.TOTP(secret).at(datetime.now(UTC) - timedelta(seconds=30))
    done = await console.post("/second-factor/confirm", who, code=earlier, secret=secret)
    assert done.status == 200, done.body
    return session_of(done), secret, done


async def test_the_first_admin_sets_up_the_installation(console: Console) -> None:
    link = await make_setup_link(console.store)
    fields = {"token": link.text, "name": "Ada", "email": "ada@club.example", "password": PASSWORD, "again": PASSWORD}
    weak = await console.post("/setup", None, **{**fields, "password": "short", "again": "short"})
    differs = await console.post("/setup", None, **{**fields, "again": OTHER_PASSWORD})
    assert (weak.status, differs.status) == (422, 422)
    assert b'id="password-error"' in weak.body
    assert b'id="again-error"' in differs.body
    assert PASSWORD.encode() not in differs.body
    done = await console.post("/setup", None, **fields)
    assert (done.status, done.headers["location"]) == (303, "/second-factor")
    ada = session_of(done)
    # Staff open nothing before the second factor is set up.
    for path in ("/operator", "/profile", "/"):
        assert (await console.get(path, ada)).headers["location"] == "/second-factor"
    new, secret, codes = await enrol(console, ada)
    assert (await console.get("/operator", ada)).headers["location"].startswith("/login")
    assert (await console.get("/operator", new)).status == 200
    assert (await console.post("/setup", None, **fields)).status == 422
    await console.post("/logout", new)
    assert (await console.get("/operator", new)).status == 303
    again = session_of(await console.post("/login", None, email="ada@club.example", password=PASSWORD))
    assert (await console.get("/operator", again)).headers["location"] == "/second-factor"
    assert (await console.post("/second-factor", again, code="123456")).status == 422
    inside = session_of(await console.post("/second-factor", again, code=pyotp.TOTP(secret).now()))
    assert (await console.get("/operator", inside)).status == 200
    recovery = re.findall(r"<li>([a-z2-7-]{19})</li>", codes.body.decode())
    assert len(recovery) == 10


async def test_an_invited_user_comes_in_by_the_link_once(console: Console) -> None:
    made = await invite(console.store, "novo@club.example", Role.USER, Locale.PT_BR, None, Actor(ActorKind.SYSTEM), by_mail=False)
    assert isinstance(made, tuple)
    assert made[1] is not None
    token = made[1].text
    looked = await console.post("/invitation", None, token=token)
    assert (looked.status, b"novo@club.example" in looked.body) == (200, True)
    done = await console.post("/invitation", None, token=token, name="Novo", password=PASSWORD, again=PASSWORD)
    assert (done.status, done.headers["location"]) == (303, "/home")
    page = await console.get("/home", session_of(done))
    assert page.status == 200
    assert b"Principal" not in page.body
    assert (await console.post("/invitation", None, token=token)).status == 410
    assert (await console.post("/invitation", None, token="nonsense")).status == 410


async def test_a_new_password_ends_what_was_before(console: Console) -> None:
    link = await make_reset_link(console.store, PersonId(1))
    assert (await console.post("/reset", None, token=link.text, password="short", again="short")).status == 422
    done = await console.post("/reset", None, token=link.text, password=PASSWORD, again=PASSWORD)
    assert (done.status, done.headers["location"]) == (303, "/login")
    assert (await console.get("/home", console.ana)).status == 303
    assert (await console.post("/reset", None, token=link.text, password=PASSWORD, again=PASSWORD)).status == 422
    entered = await console.post("/login", None, email="ana@club.example", password=PASSWORD, next="/accounts")
    assert (entered.status, entered.headers["location"]) == (303, "/accounts")
    ana = session_of(entered)
    wrong = await console.post("/profile/password", ana, present="no", password=OTHER_PASSWORD, again=OTHER_PASSWORD)
    assert (wrong.status, b'id="present-error"' in wrong.body) == (422, True)
    changed = await console.post("/profile/password", ana, present=PASSWORD, password=OTHER_PASSWORD, again=OTHER_PASSWORD)
    assert (changed.status, changed.headers["location"]) == (303, "/profile")
    assert (await console.get("/home", ana)).status == 303
    assert (await console.get("/home", session_of(changed))).status == 200


async def test_a_login_tells_nothing_and_sends_nobody_away(console: Console) -> None:
    unknown = await console.post("/login", None, email="nobody@club.example", password=PASSWORD)
    wrong = await console.post("/login", None, email="ana@club.example", password=PASSWORD)
    assert unknown.status == wrong.status == 422
    assert unknown.body.replace(b"nobody@", b"ana@") == wrong.body
    assert (await console.get("/login?next=//evil.example", None)).body.count(b"evil") == 0
    assert (await console.get("/login?next=/accounts", console.ana)).headers["location"] == "/accounts"
    assert (await console.post("/forgot", None, email="ana@club.example")).status == 409
    assert (await console.get("/sign-up", None)).status == 404


async def test_profile_and_sessions_are_ones_own(console: Console) -> None:
    assert (await console.post("/profile", console.ana, name="", language="pt", zone="UTC")).status == 422
    assert (await console.post("/profile", console.ana, name="Ana", language="pt", zone="Mars/Olympus")).status == 422
    saved = await console.post("/profile", console.ana, name="Ana Maria", language="en", zone="America/Recife")
    assert (saved.status, "marketbot_language=en" in saved.headers["set-cookie"]) == (303, True)
    row = await console.store.fetchrow("SELECT name, language, time_zone FROM person WHERE person_id = 1")
    assert tuple(row) == ("Ana Maria", "en", "America/Recife")
    other = await give_session(console.store, "ana@club.example")
    assert (await console.get("/home", other)).status == 200
    await console.post("/profile/sessions", console.ana)
    assert (await console.get("/home", other)).status == 303
    assert (await console.get("/home", console.ana)).status == 200
    own = await console.store.fetchval("SELECT session_id FROM login_session WHERE person_id = 1 AND revoked_at IS NULL")
    assert (await console.post("/profile/sessions", console.ana, session=str(own))).headers["location"] == "/login"
    assert (await console.get("/home", console.ana)).status == 303


async def test_a_user_turns_the_second_factor_on_and_off(console: Console) -> None:
    link = await make_reset_link(console.store, PersonId(1))
    await console.post("/reset", None, token=link.text, password=PASSWORD, again=PASSWORD)
    ana = session_of(await console.post("/login", None, email="ana@club.example", password=PASSWORD))
    new, secret, _ = await enrol(console, ana)
    assert (await console.post("/second-factor/end", new, present="no", code=pyotp.TOTP(secret).now())).status == 422
    off = await console.post("/second-factor/end", new, present=PASSWORD, code=pyotp.TOTP(secret).now())
    assert (off.status, off.headers["location"]) == (303, "/profile")
    assert await console.store.fetchval("SELECT totp_confirmed_at IS NULL FROM person WHERE person_id = 1")
