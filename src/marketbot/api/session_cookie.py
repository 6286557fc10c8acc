"""The cookie that carries a session: never readable by a page's script, never sent from another site's form.

``SameSite=Lax`` keeps it out of other sites' POSTs, and what changes something needs the session's CSRF token besides. Under https its
name has the prefix ``__Host-``: a browser takes such a cookie only from this very host, over TLS, so that a neighbour in the same domain
cannot plant one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Request, Response
from litestar.datastructures import Cookie, State

NAME = "marketbot"
SECURE_NAME = "__Host-marketbot"
MAX_COOKIE_HEADER_CHARS = 8_192


def read_session_cookie(request: Request[Any, Any, State]) -> str | None:
    """Return the value of the session's cookie; the first one, should there be more."""
    wanted = _name(request)
    for part in request.headers.get("cookie", "")[:MAX_COOKIE_HEADER_CHARS].split(";"):
        name, mark, value = part.strip().partition("=")
        if mark and name == wanted:
            return value
    return None


def set_session_cookie(request: Request[Any, Any, State], response: Response[Any], value: str, life: timedelta) -> None:
    response.set_cookie(_cookie(request, value, int(life.total_seconds())))


def clear_session_cookie(request: Request[Any, Any, State], response: Response[Any]) -> None:
    response.set_cookie(_cookie(request, "", 0))


def _name(request: Request[Any, Any, State]) -> str:
    return SECURE_NAME if request.app.state.secure_cookies else NAME


def _cookie(request: Request[Any, Any, State], value: str, max_age_s: int) -> Cookie:
    secure: bool = request.app.state.secure_cookies
    return Cookie(key=_name(request), value=value, path="/", max_age=max_age_s, secure=secure, httponly=True, samesite="lax")
