"""The e-mails that people are sent, asked for as jobs in the transaction of what they are about.

A job says which letter and to whom, and holds no link: the link is made when the letter goes out, so that none lies in a queue. What
somebody typed who is not logged in is sealed, for it may be anybody's address.
"""

from __future__ import annotations

import base64
from enum import StrEnum

from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.people.login import email_digest
from marketbot.store.jobs import enqueue
from marketbot.store.pool import Connection
from marketbot.vault.vault import Vault

JOB = "letter"
TYPED_AAD = b"letter:typed address"


class Letter(StrEnum):
    INVITATION = "invitation"
    RESET = "reset"
    """An operator has somebody sent a link for a new password."""
    RESET_ASKED = "reset_asked"
    """Somebody who is not logged in asks for one, under an address that may be nobody's here."""
    SIGN_UP = "sign_up"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    PASSKEY_ADDED = "passkey_added"
    ERASURE_ASKED = "erasure_asked"
    ERASED = "erased"
    """To an address that is nobody's any more by then."""


async def ask_letter(
    connection: Connection, letter: Letter, *, person_id: PersonId | None = None, invitation_id: int | None = None
) -> None:
    """Have a person, or whom an invitation invites, written to; in the caller's transaction."""
    await enqueue(connection, JOB, {"letter": letter.value, "person_id": person_id, "invitation_id": invitation_id})


async def ask_letter_to(connection: Connection, vault: Vault, letter: Letter, email: str, language: Locale) -> None:
    """Have an address written to that somebody typed: the same work whoever it is. While one such letter waits there is no second."""
    sealed = base64.b64encode(vault.seal(email.encode(), aad=TYPED_AAD)).decode()
    payload = {"letter": letter.value, "email_sealed": sealed, "language": language.value}
    await enqueue(connection, JOB, payload, key=f"{letter.value}:{email_digest(email)}")


def typed_address(vault: Vault, sealed: str) -> str:
    return vault.open(base64.b64decode(sealed), aad=TYPED_AAD).decode()
