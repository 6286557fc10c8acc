"""The operator's token: made once, kept in a file that only the owner reads, known by its digest."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

from marketbot.domain.errors import MarketBotError
from marketbot.settings import Settings

TOKEN_BYTES = 32


class TokenFileError(MarketBotError):
    """The token's file may be read by others, or holds nothing."""


def operator_token(settings: Settings) -> str:
    """Return the token of the settings, else of the data directory's file, made on first use.

    Raises:
        TokenFileError: the file is no safe place.
    """
    if settings.operator_token is not None:
        return settings.operator_token.get_secret_value()
    path = settings.operator_token_file
    if not path.exists():
        _make_token_file(path)
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise TokenFileError(f"the token's file {path} may be read by others: take their rights away (chmod 600)")
        token = file.read(1024).decode("ascii", "replace").strip()
    if not token:
        raise TokenFileError(f"the token's file {path} is empty: remove it, and another is made")
    return token


def token_sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _make_token_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_urlsafe(TOKEN_BYTES).encode() + b"\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
