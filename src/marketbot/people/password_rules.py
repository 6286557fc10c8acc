"""What a password must be: long, and none that guessing begins with. No rule asks for kinds of characters. Pure but for its list.

Long passwords of one's own making need no digits and no signs; rules that demand them make people write ``Password1234!`` (NIST SP
800-63B, section 3.1.1.2, says the same).
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from importlib.resources import files

MIN_PASSWORD_CHARS = 12
MAX_PASSWORD_CHARS = 256
LONGEST_UNIT_CHARS = 4
"""``abcdabcdabcd`` is four characters, said three times."""

_COMMON = frozenset(files(__package__).joinpath("common_passwords.txt").read_text("utf-8").split())
_ROWS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik")


class PasswordFault(StrEnum):
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    LIKE_EMAIL = "like_email"


def settle_password(password: str) -> str:
    """Return the form that is hashed: the same for the same letters, whichever keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


def password_fault(password: str, email: str) -> PasswordFault | None:
    """Return what is wrong with a new password of whoever has this address."""
    settled = settle_password(password)
    if len(settled) < MIN_PASSWORD_CHARS:
        return PasswordFault.TOO_SHORT
    if len(settled) > MAX_PASSWORD_CHARS:
        return PasswordFault.TOO_LONG
    plain = settled.casefold()
    local, _, domain = email.casefold().partition("@")
    if plain in (email.casefold(), local, domain, local + domain, local * 2):
        return PasswordFault.LIKE_EMAIL
    return PasswordFault.COMMON if _is_common(plain) else None


def _is_common(plain: str) -> bool:
    if plain in _COMMON or plain.rstrip("0123456789!@#$.*?_-") in _COMMON:
        return True
    if any(plain == (plain[:unit] * len(plain))[: len(plain)] for unit in range(1, LONGEST_UNIT_CHARS + 1)):
        return True
    return any(plain in row or plain[::-1] in row for row in _ROWS)
