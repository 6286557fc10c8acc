"""The job that writes to people. A link is made when its letter goes out; a second attempt makes another, and the first works no more."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.domain.role import Role
from marketbot.jobs.kinds import Kind
from marketbot.mail.postman import TIMEOUT_S, Postman
from marketbot.mail.texts import Text, letter_text
from marketbot.people.administration import make_reset_link
from marketbot.people.bearer import make_bearer
from marketbot.people.letters import JOB, Letter, typed_address
from marketbot.store.erasures import find_open
from marketbot.store.invitations import InvitationRow, create_invitation, find_open_invitation, give_link, read_invitation
from marketbot.store.jobs import ClaimedJob
from marketbot.store.one_time_links import LinkKind, create_link
from marketbot.store.people import PersonRow, read_person, read_person_by_email
from marketbot.store.pool import Connection, Pool
from marketbot.vault.vault import Vault

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """A letter that is ready to go; it may hold a link that opens something, so it is never shown."""

    to: str
    subject: str
    body: str

    def __repr__(self) -> str:
        return "<Written>"


def letter_kind(pool: Pool, vault: Vault, postman: Postman | None, public_url: str) -> Kind:
    """Return the kind of job that writes letters; without a ``postman`` they are dropped, for nobody could ever send them."""

    async def write(job: ClaimedJob) -> None:
        if postman is None:
            log.info("letter_dropped", job_id=job.job_id, why="no mail server is set")
            return
        async with pool.acquire() as connection, connection.transaction():
            written = await LetterDesk(connection, vault, public_url).write(job)
        if written is None:
            log.info("letter_dropped", job_id=job.job_id, why="whom it was for is gone, or it is over")
            return
        await postman.send(written.to, written.subject, written.body)

    return Kind(JOB, write, timeout_s=3 * TIMEOUT_S)


class LetterDesk:
    """Turns a job into a letter, with what the rows say now."""

    def __init__(self, connection: Connection, vault: Vault, public_url: str) -> None:
        self._connection = connection
        self._vault = vault
        self._public_url = public_url

    def __repr__(self) -> str:
        return "<LetterDesk>"

    async def write(self, job: ClaimedJob) -> Written | None:
        """Return the letter; None when there is nobody to send it to any more."""
        letter = Letter(job.payload["letter"])
        match letter:
            case Letter.INVITATION:
                invitation = await read_invitation(self._connection, job.payload["invitation_id"])
                return None if invitation is None else await self._invitation(invitation)
            case Letter.RESET_ASKED:
                return await self._reset(await self._typed(job))
            case Letter.SIGN_UP:
                return await self._sign_up(job)
            case Letter.RESET:
                return await self._reset(await self._person(job))
            case Letter.PASSWORD_CHANGED:
                return _about(await self._person(job), Text.PASSWORD_CHANGED, f"{self._public_url}/login")
            case Letter.SECOND_FACTOR_REMOVED:
                return _about(await self._person(job), Text.SECOND_FACTOR_REMOVED, f"{self._public_url}/login")
            case Letter.PASSKEY_ADDED:
                return _about(await self._person(job), Text.PASSKEY_ADDED, f"{self._public_url}/login")
            case Letter.ERASURE_ASKED:
                return await self._keep(await self._person(job))
            case Letter.ERASED:
                email = typed_address(self._vault, job.payload["email_sealed"])
                return Written(email, *letter_text(Text.ERASED, Locale(job.payload["language"]), link=""))

    async def _invitation(self, invitation: InvitationRow) -> Written | None:
        bearer = make_bearer()
        if not await give_link(self._connection, invitation.invitation_id, bearer.sha256):
            return None
        link = f"{self._public_url}/invitation#{bearer.text}"
        subject, body = letter_text(Text.INVITATION, invitation.language, link=link, role=invitation.role)
        return Written(invitation.email, subject, body)

    async def _reset(self, person: PersonRow | None) -> Written | None:
        if person is None or person.disabled_at is not None:
            return None
        bearer = await make_reset_link(self._connection, person.person_id)
        return _about(person, Text.RESET, f"{self._public_url}/reset#{bearer.text}")

    async def _keep(self, person: PersonRow | None) -> Written | None:
        """Send the link that takes an erasure back, for as long as there is one to take back."""
        if person is None or await find_open(self._connection, person.person_id, None) is None:
            return None
        bearer = make_bearer()
        await create_link(self._connection, LinkKind.KEEP_PERSON, person.person_id, bearer.sha256)
        return _about(person, Text.ERASURE_ASKED, f"{self._public_url}/keep#{bearer.text}")

    async def _sign_up(self, job: ClaimedJob) -> Written | None:
        """Invite whoever typed their address as a user; tell one who is here already; never lessen an invitation that stands."""
        person = await self._typed(job)
        if person is not None:
            return _about(person, Text.ALREADY_HERE, f"{self._public_url}/login")
        email = typed_address(self._vault, job.payload["email_sealed"])
        standing = await find_open_invitation(self._connection, email)
        if standing is None:
            standing = await create_invitation(self._connection, email, Role.USER, Locale(job.payload["language"]), None)
        return await self._invitation(standing)

    async def _person(self, job: ClaimedJob) -> PersonRow | None:
        return await read_person(self._connection, PersonId(job.payload["person_id"]))

    async def _typed(self, job: ClaimedJob) -> PersonRow | None:
        return await read_person_by_email(self._connection, typed_address(self._vault, job.payload["email_sealed"]))


def _about(person: PersonRow | None, text: Text, link: str) -> Written | None:
    if person is None:
        return None
    subject, body = letter_text(text, person.language, link=link, role=person.role)
    return Written(person.email, subject, body)
