"""E-mail addresses as we take them: plain ASCII ones, compared without case. Pure."""

from __future__ import annotations

import re

MAX_EMAIL_CHARS = 254
MAX_LOCAL_CHARS = 64

_FORM = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


def read_email(text: str) -> str | None:
    """Return an address in lower case, as it is stored; None when it is none, or one that we do not send to."""
    found = text.strip().lower()
    if len(found) > MAX_EMAIL_CHARS or _FORM.fullmatch(found) is None:
        return None
    local = found.partition("@")[0]
    if len(local) > MAX_LOCAL_CHARS or local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    return found
