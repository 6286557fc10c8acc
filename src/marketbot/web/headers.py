"""The headers of every page: what a browser may load, run and tell others. Pure."""

from __future__ import annotations

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
PAGE = SECURITY | {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"}
ASSET = SECURITY | {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


def with_transport(headers: dict[str, str], *, https: bool) -> dict[str, str]:
    """Return the headers, and over https the promise to come back by it."""
    return {**headers, "Strict-Transport-Security": STRICT_TRANSPORT} if https else dict(headers)
