"""Codes that prove who holds a chat or a mailbox: shown or sent once, kept by digest, good for a quarter of an hour."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

CODE_LIFE = timedelta(minutes=15)
CODE_TRIES_MAX = 5
LINK_BYTES = 20
MAIL_CODE_CHARS = 10
_READABLE = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def make_link_code() -> str:
    """Return what a person sends to the bot: 160 bits, in the letters that Telegram lets pass in ``/start``."""
    return secrets.token_urlsafe(LINK_BYTES)


def make_mail_code() -> str:
    """Return what a person copies from a letter: ten letters that are not mistaken for each other, good for five tries."""
    return "".join(secrets.choice(_READABLE) for _ in range(MAIL_CODE_CHARS))


def code_sha256(channel_id: int | None, code: str) -> bytes:
    """Return the digest that is kept; a letter's code is short, so its channel is part of it."""
    return hashlib.sha256(f"{'' if channel_id is None else channel_id}:{code}".encode()).digest()
