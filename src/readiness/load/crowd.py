"""The users of a load: nameless ones without a token, or those of a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import orjson

from readiness.load.scenario import User
from readiness.load.target import MAX_USERS

MAX_FILE_BYTES = 64 * 1024 * 1024


class TokensUnusable(ValueError):
    """The file of tokens cannot be read, or others may read it; its content is never repeated."""


def nobody(count: int) -> list[User]:
    """Return users without a token."""
    return [User()] * count


def read_users(path: Path) -> list[User]:
    """Read users from JSON lines: ``{"token": "...", "account_id": 7}``; every other field fills places of that user's requests.

    Raises:
        TokensUnusable: see the class.
    """
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise TokensUnusable(f"{path} may be read by others: take their rights away (chmod 600)")
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TokensUnusable(f"{path} cannot be read: {error.strerror}") from error
    lines = [line for line in content.splitlines() if line.strip()]
    if len(content) > MAX_FILE_BYTES or not 0 < len(lines) <= MAX_USERS:
        raise TokensUnusable(f"{path} must hold 1 to {MAX_USERS} lines")
    return [_user(path, number, line) for number, line in enumerate(lines, start=1)]


def as_many(users: Sequence[User], count: int) -> list[User]:
    """Return ``count`` users, each of the given ones as often as it takes."""
    return [users[number % len(users)] for number in range(count)]


def _user(path: Path, number: int, line: bytes) -> User:
    try:
        fields = orjson.loads(line)
        token = fields.pop("token")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        token = None
    if not isinstance(token, str) or not token:
        raise TokensUnusable(f"{path}, line {number}: an object with a token is wanted")
    return User(token, {name: str(value) for name, value in fields.items()})
