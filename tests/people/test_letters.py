"""E-mails: asked for as jobs that hold no link, written when they go out, and handed to a server that proves who it is."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from marketbot.clock import SystemClock
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.jobs.letters import letter_kind
from marketbot.mail.postman import MailFailed, Postman
from marketbot.mail.server import MailServer, MailServerInvalid, Tls
from marketbot.mail.texts import Text, letter_text
from marketbot.people.letters import JOB
from marketbot.settings import Settings, SignUp
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool, open_pool
from simexchange.wire.tls import Certificates, make_certificates

from .conftest import PASSWORD, Town, town_of
from .mailbox import LOGIN, Mailbox, receiving

PUBLIC = "https://bot.example"
SENDER = "marketbot@bot.example"
NEW = {"name": "Novo", "password": "um cavalo atravessa a ponte"}
MAIL = {"public_url": PUBLIC, "mail_from": SENDER, "smtp_url": "smtp://127.0.0.1:1", "sign_up": SignUp.OPEN}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("ca"))


@dataclass
class Post:
    """A town with a keeper that is told when to write."""

    town: Town
    pool: Pool
    box: Mailbox

    async def ask(self, method: str, path: str, document: object, name: str | None = None) -> Any:
        browser = self.town.browser() if name is None else await self.town.inside(name)
        headers = {} if browser.cookie is None else {"cookie": f"__Host-marketbot={browser.cookie}"}
        return await browser.ask(method, path, document, **headers)

    async def write(self) -> list[EmailMessage]:
        """Do every letter's job; return the letters that arrived."""
        server = MailServer.parse(f"smtp://127.0.0.1:{self.box.port}")
        postman = Postman(server, SENDER, SystemClock())
        kind = letter_kind(self.pool, self.town.vault, postman, PUBLIC)
        before = len(self.box.letters)
        for row in await self.pool.fetch("SELECT * FROM job WHERE kind = $1 AND done_at IS NULL ORDER BY job_id", JOB):
            await kind.handler(claimed(row))
            await self.pool.execute("UPDATE job SET done_at = now() WHERE job_id = $1", row["job_id"])
        return self.box.letters[before:]


def claimed(row: Any) -> ClaimedJob:
    return ClaimedJob(row["job_id"], row["kind"], row["key"], row["payload"], row["due_at"], None, 1, 8)


@pytest.fixture
async def post(database: str, tmp_path: Path, cheap: None) -> AsyncIterator[Post]:
    pool = await open_pool(database, name="test", size=2)
    try:
        async with town_of(database, tmp_path, **MAIL) as town, receiving() as box:
            yield Post(town, pool, box)
    finally:
        await pool.close()


def link_in(letter: EmailMessage, page: str) -> str:
    found = re.search(rf"{PUBLIC}/{page}#([A-Za-z0-9_-]{{43}})", letter.get_content())
    assert found is not None, letter.get_content()
    return found[1]


async def test_a_forgotten_password_is_answered_alike_and_written_to_its_person_alone(post: Post) -> None:
    answers = [await post.ask("POST", "/v1/password/forgot", {"email": f"{name}@example.org"}) for name in ("user", "stranger")]
    assert {(each.status, each.body) for each in answers} == {(202, answers[0].body)}
    rows = await post.pool.fetch("SELECT kind, key, payload FROM job")
    # The same work, and nothing in it that tells who was asked for.
    assert len({(row["kind"], tuple(sorted(row["payload"]))) for row in rows}) == 1
    assert len(rows) == 2
    assert "example.org" not in str(rows)
    (letter,) = await post.write()
    assert (letter["To"], letter["From"], letter["Auto-Submitted"]) == ("user@example.org", SENDER, "auto-generated")
    document = {"token": link_in(letter, "reset"), "password": NEW["password"]}
    assert (await post.ask("POST", "/v1/password/reset", document)).status == 200
    (told,) = await post.write()
    assert told["Subject"] == "Your MarketBot password was changed"
    assert (await post.ask("POST", "/v1/session", {"email": "user@example.org", "password": NEW["password"]})).status == 201
    assert (await post.ask("POST", "/v1/session", {"email": "user@example.org", "password": PASSWORD})).status == 401


async def test_a_second_attempts_link_is_the_one_that_works(post: Post) -> None:
    await post.ask("POST", "/v1/password/forgot", {"email": "user@example.org"})
    (first,) = await post.write()
    await post.pool.execute("UPDATE job SET done_at = NULL WHERE job_id = (SELECT min(job_id) FROM job)")
    (second,) = await post.write()
    for letter, status in ((first, 410), (second, 200)):
        document = {"token": link_in(letter, "reset"), "password": NEW["password"]}
        assert (await post.ask("POST", "/v1/password/reset", document)).status == status


async def test_an_invitation_is_written_in_its_language(post: Post) -> None:
    for language, subject in (("pt-BR", "Seu convite para o MarketBot"), ("en", "Your invitation to MarketBot")):
        document = {"email": f"{language.lower()}@example.org", "role": "operator", "language": language}
        made = (await post.ask("POST", "/v1/operator/invitations", document, "admin")).json
        assert (made["mailed"], made["link"]) == (True, None)
        (letter,) = await post.write()
        assert letter["Subject"] == subject
        accepted = await post.ask("POST", "/v1/invitations/accept", {"token": link_in(letter, "invitation"), **NEW})
        assert (accepted.json["email"], accepted.json["role"]) == (document["email"], "operator")


async def test_an_invitation_that_was_taken_back_is_not_written(post: Post) -> None:
    made = (await post.ask("POST", "/v1/operator/invitations", {"email": "a@example.org", "role": "user"}, "manager")).json
    assert (await post.ask("DELETE", f"/v1/operator/invitations/{made['invitation_id']}", None, "manager")).status == 200
    assert await post.write() == []


async def test_whoever_signs_up_is_invited_as_a_user_once_their_address_is_theirs(post: Post) -> None:
    document = {"email": "new@example.org", "language": "en"}
    answers = [
        await post.ask("POST", "/v1/sign-up", {**document, "email": each}) for each in ("new@example.org", "user@example.org")
    ]
    assert {(each.status, each.body) for each in answers} == {(202, answers[0].body)}
    new, here = await post.write()
    assert (new["To"], here["To"]) == ("new@example.org", "user@example.org")
    assert "#" not in here.get_content()
    accepted = await post.ask("POST", "/v1/invitations/accept", {"token": link_in(new, "invitation"), **NEW})
    assert (accepted.json["role"], accepted.json["user_id"] is not None) == ("user", True)


async def test_signing_up_takes_nothing_from_an_invitation_that_stands(post: Post) -> None:
    await post.ask("POST", "/v1/operator/invitations", {"email": "new@example.org", "role": "auditor"}, "admin")
    await post.write()
    await post.ask("POST", "/v1/sign-up", {"email": "new@example.org"})
    (letter,) = await post.write()
    accepted = await post.ask("POST", "/v1/invitations/accept", {"token": link_in(letter, "invitation"), **NEW})
    assert accepted.json["role"] == "auditor"


async def test_a_flood_of_requests_writes_a_few_letters_and_says_nothing(post: Post) -> None:
    answers = []
    for _ in range(5):
        answers.append(await post.ask("POST", "/v1/password/forgot", {"email": "user@example.org"}))
        await post.write()
    assert {(each.status, each.body) for each in answers} == {(202, answers[0].body)}
    assert len(post.box.letters) == 3
    # The latest one works: whoever floods does not keep the person out.
    document = {"token": link_in(post.box.letters[-1], "reset"), "password": NEW["password"]}
    assert (await post.ask("POST", "/v1/password/reset", document)).status == 200


async def test_without_a_mail_server_letters_are_dropped(post: Post) -> None:
    await post.ask("POST", "/v1/password/forgot", {"email": "user@example.org"})
    row = await post.pool.fetchrow("SELECT * FROM job")
    await letter_kind(post.pool, post.town.vault, None, PUBLIC).handler(claimed(row))
    assert post.box.letters == []


async def test_a_server_proves_itself_before_it_is_told_anything(certificates: Certificates) -> None:
    trusting = ssl.create_default_context(cafile=str(certificates.ca_file))
    user, password = LOGIN
    for tls, serving in (
        (Tls.IMPLICIT, {"implicit": certificates.server_context()}),
        (Tls.START, {"start": certificates.server_context()}),
    ):
        async with receiving(**serving) as box:
            server = MailServer("localhost", box.port, tls, user, password)
            await Postman(server, SENDER, SystemClock(), trusting).send("ana@example.org", "Olá", "coração")
            assert (box.letters[0]["Subject"], box.letters[0].get_content().strip()) == ("Olá", "coração")
            assert (box.logins, box.in_clear) == ([LOGIN], [False])
            with pytest.raises(MailFailed):
                await Postman(server, SENDER, SystemClock(), ssl.create_default_context()).send("ana@example.org", "x", "x")
            assert len(box.letters) == len(box.logins) == 1
    async with receiving() as box:
        # A server, or somebody between, that offers no TLS gets nothing.
        server = MailServer("localhost", box.port, Tls.START, user, password)
        with pytest.raises(MailFailed):
            await Postman(server, SENDER, SystemClock(), trusting).send("ana@example.org", "x", "x")
        assert (box.letters, box.logins) == ([], [])


async def test_a_failure_names_the_server_and_its_code_alone() -> None:
    async with receiving() as box:
        box.refuse = 550
        server = MailServer.parse(f"smtp://bot:canary@127.0.0.1:{box.port}")
        with pytest.raises(MailFailed) as refused:
            await Postman(server, SENDER, SystemClock()).send("ana@example.org", "x", "https://bot.example/reset#canary")
    # It asks for a login first, and has another one.
    assert re.fullmatch(r"127\.0\.0\.1 answered 5\d\d", str(refused.value))
    assert "canary" not in repr(server)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://mail.example", MailServer("mail.example", 465, Tls.IMPLICIT)),
        ("smtp://mail.example", MailServer("mail.example", 587, Tls.START)),
        ("smtp://a%40b:p%2Fw@mail.example:2525", MailServer("mail.example", 2525, Tls.START, "a@b", "p/w")),
        ("smtp://localhost:25", MailServer("localhost", 25, Tls.NONE)),
        ("smtp://127.0.0.1:25", MailServer("127.0.0.1", 25, Tls.NONE)),
        ("smtps://[::1]:25", MailServer("::1", 25, Tls.IMPLICIT)),
    ],
)
def test_servers(url: str, server: MailServer) -> None:
    assert MailServer.parse(url) == server


@pytest.mark.parametrize(
    "url",
    ["http://mail.example", "smtp://", "smtp://user@mail.example", "smtp://h:99999", "smtp://h/path", "smtp://h?x", "x" * 9_000],
)
def test_what_is_no_server(url: str) -> None:
    with pytest.raises(MailServerInvalid):
        MailServer.parse(url)


@pytest.mark.parametrize(
    "given",
    [
        {"public_url": "http://bot.example"},
        {"public_url": "https://bot.example/path"},
        {"public_url": "https://user@bot.example"},
        {"smtp_url": "smtp://mail.example"},
        {"smtp_url": "smtp://mail.example", "mail_from": SENDER},
        {"smtp_url": "nonsense", "mail_from": SENDER, "public_url": PUBLIC},
        {"mail_from": "a@b.example\nBcc: x@y.example"},
        {"sign_up": "open"},
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings(data_dir=tmp_path, **given)  # type: ignore[arg-type]
    assert "nonsense" not in str(wrong.value)


@pytest.mark.parametrize("locale", list(Locale))
@pytest.mark.parametrize("text", list(Text))
def test_every_letter_is_there_in_both_languages(locale: Locale, text: Text) -> None:
    for role in Role:
        subject, body = letter_text(text, locale, link=f"{PUBLIC}/x#y", role=role)
        assert subject
        assert "\n" not in subject
        # Who was erased has nowhere to go to.
        assert (f"{PUBLIC}/x#y" in body) is (text is not Text.ERASED)
        assert "{" not in subject + body
    assert letter_text(text, Locale.EN, link="") != letter_text(text, Locale.PT_BR, link="")
