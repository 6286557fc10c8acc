"""Two people who can log in to a demo's console: an operator and a user. Their passwords are made for this one run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from marketbot.clock import SystemClock
from marketbot.domain.ids import PersonId
from marketbot.domain.role import Role
from marketbot.people.passwords import Passwords
from marketbot.people.totp import STEP_S, enrol, make_recovery_codes, recovery_digest, totp_aad
from marketbot.store.people import NewPerson, create_person
from marketbot.store.pool import Connection
from marketbot.store.second_factors import confirm_totp, put_totp, replace_recovery_codes
from marketbot.vault.vault import Vault

OPERATOR_EMAIL = "operator@demo.example"
USER_EMAIL = "user@demo.example"
PASSWORD_BYTES = 12
CODES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class DemoLogins:
    """What to type. Staff need a second factor: each of ``codes`` stands for one, once."""

    operator_password: str = field(repr=False)
    codes: tuple[str, ...] = field(repr=False)
    user_password: str = field(repr=False)

    def lines(self, console_url: str) -> list[str]:
        """Return what the demo says of them."""
        return [
            f"SIMULATION: the console is at {console_url}",
            f"  operator  {OPERATOR_EMAIL}  {self.operator_password}  and as second factor, each once: {'  '.join(self.codes)}",
            f"  user      {USER_EMAIL}  {self.user_password}",
        ]


async def make_logins(connection: Connection, vault: Vault, *, user_name: str) -> DemoLogins:
    """Make both before the accounts are imported: those of the user ``user_name`` are then the second one's."""
    passwords = Passwords()
    operator, user = secrets.token_urlsafe(PASSWORD_BYTES), secrets.token_urlsafe(PASSWORD_BYTES)
    async with connection.transaction():
        person_id = await create_person(
            connection, NewPerson(OPERATOR_EMAIL, "Demo operator", Role.ADMIN, await passwords.hash(operator))
        )
        await create_person(connection, NewPerson(USER_EMAIL, user_name, Role.USER, await passwords.hash(user)))
        assert person_id is not None, "a demo's database is new"
        codes = await _second_factor(connection, vault, person_id)
    return DemoLogins(operator, tuple(codes[:CODES_SHOWN]), user)


async def _second_factor(connection: Connection, vault: Vault, person_id: PersonId) -> list[str]:
    """Set one up whose secret nobody is shown; return its recovery codes."""
    sealed = vault.seal(enrol(OPERATOR_EMAIL).secret.encode(), aad=totp_aad(person_id))
    await put_totp(connection, person_id, sealed)
    await confirm_totp(connection, person_id, sealed, int(SystemClock().now().timestamp()) // STEP_S)
    codes = make_recovery_codes()
    await replace_recovery_codes(connection, person_id, [recovery_digest(code) for code in codes])
    return codes
