"""What a database is for: one row, written once. A database belongs to one profile for ever."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from marketbot.domain.client_order_id import TAG_LENGTH
from marketbot.domain.errors import MarketBotError
from marketbot.domain.venue import Profile
from marketbot.store.pool import Connection, Pool

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class WrongProfileError(MarketBotError):
    """The database was made for the other profile."""


@dataclass(frozen=True, slots=True)
class Installation:
    """``tag`` stands in every client order id, so that two installations never use the same one."""

    tag: str
    profile: Profile


async def open_installation(connection: Connection | Pool, profile: Profile) -> Installation:
    """Return the database's installation, founding it for ``profile`` where there is none.

    Raises:
        WrongProfileError: the database belongs to the other profile.
    """
    tag = "".join(secrets.choice(_DIGITS) for _ in range(TAG_LENGTH))
    await connection.execute(
        "INSERT INTO installation (tag, profile) VALUES ($1, $2) ON CONFLICT (only_row) DO NOTHING", tag, profile.value
    )
    row = await connection.fetchrow("SELECT tag, profile FROM installation")
    assert row is not None
    installation = Installation(row["tag"], Profile(row["profile"]))
    if installation.profile is not profile:
        raise WrongProfileError(
            f"This database holds a {installation.profile} installation and stays one; it was opened as {profile}."
            " Use another database or data directory for the other profile."
        )
    return installation
