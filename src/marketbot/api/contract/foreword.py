"""What the document says of all operations together: who comes in, how lists go on, what limits tell."""

from __future__ import annotations

from typing import Any

FOREWORD = """\
JSON over HTTP. Prices, quantities and money are texts (`"0.5"`), times are UTC.

**Who comes in.** A token (`Authorization: Bearer mbu_...` of a user, `mbo_...` of an operator) opens what its scopes say. A person's \
session is a cookie; whatever it changes needs `X-CSRF-Token` besides. A user sees their own rows and no others: what is somebody \
else's is 404, exactly as what does not exist.

**Errors** are problem documents (RFC 9457) with a `reason` for programs and a `title` in English or Portuguese, as `Accept-Language` \
asks.

**Lists** have pages: an answer's `next` is given back as `after`, until it is null. Cursors are opaque and do not age.

**Commands** that take an `Idempotency-Key` are done once: sent again under the same key within a day, they are answered as they were.

**Limits.** Answers say how the limit that is nearest to its end stands (`RateLimit-Policy`, `RateLimit`, as \
draft-ietf-httpapi-ratelimit-headers has them); 429 and 503 say with `Retry-After` when to come back.

**Live events** (Server-Sent Events) tell what to read anew, never rows; `Last-Event-ID` resumes.
"""

HEADERS: dict[str, Any] = {
    "RateLimit-Policy": {
        "description": "The limit that counted this request: `q` pass in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"token_reads";q=300;w=15',
    },
    "RateLimit": {
        "description": "How it stands: `r` remain, and within `t` seconds there is one more.",
        "schema": {"type": "string"},
        "example": '"token_reads";r=299;t=1',
    },
    "Retry-After": {
        "description": "Seconds to wait; there where waiting helps.",
        "schema": {"type": "integer"},
        "example": 5,
    },
    "ETag": {"description": "Which document it is.", "schema": {"type": "string"}, "example": '"9f86d081884c7d65"'},
}

SECURITY: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "mbu_ or mbo_ and 43 characters",
        "description": "An API token, shown once when it was made.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-marketbot",
        "description": "A person's session; over plain http, on one machine, the cookie is called `marketbot`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The `csrf_token` that logging in, or `GET /v1/session`, answers.",
    },
}
