"""A source's secret: made here, shown once by whoever asked, and stored as a digest or sealed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from marketbot.domain.ids import SourceId
from marketbot.store.pool import Connection
from marketbot.store.sources import create_program_source, create_webhook_source, rotate_secret, source_aad

WEBHOOK = "webhook"
KINDS = (WEBHOOK, "program")
SECRET_BYTES = 24
HMAC_KEY_BYTES = 32

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Sealing(Protocol):
    """What seals a key that must be read back."""

    def seal(self, secret: bytes, *, aad: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class SourceSecret:
    """A new secret in clear, to be shown once. A program's is a key, and stands sealed beside its text; a webhook's is not sealed."""

    text: str = field(repr=False)
    sealed: bytes | None = field(repr=False)


def is_source_name(name: str) -> bool:
    """Tell whether a source may be called so; the schema holds the same rule."""
    return _NAME.fullmatch(name) is not None


def make_secret(kind: str, name: str, vault: Callable[[], Sealing]) -> SourceSecret:
    """Make a secret for a source of one of the ``KINDS``. The vault is asked for only where something must be sealed."""
    if kind == WEBHOOK:
        return SourceSecret(secrets.token_urlsafe(SECRET_BYTES), None)
    key = secrets.token_hex(HMAC_KEY_BYTES)
    return SourceSecret(key, vault().seal(key.encode(), aad=source_aad(name)))


async def create_source(connection: Connection, name: str, secret: SourceSecret, *, signals_per_hour: int) -> SourceId:
    """Write a source of the secret's kind. Raises asyncpg.UniqueViolationError when the name is taken."""
    if secret.sealed is None:
        return await create_webhook_source(connection, name, secret.text, signals_per_hour=signals_per_hour)
    return await create_program_source(connection, name, secret.sealed, signals_per_hour=signals_per_hour)


async def replace_secret(connection: Connection, name: str, secret: SourceSecret) -> None:
    """Replace a source's secret by one of its kind; the old one is refused from the commit on."""
    if secret.sealed is None:
        await rotate_secret(connection, name, secret.text)
    else:
        await connection.execute("UPDATE source SET sealed_hmac_key = $2 WHERE name = $1", name, secret.sealed)
