"""Codes of a second factor: six digits of the half minute (RFC 6238), and recovery codes for when the telephone is gone.

Secrets are sealed by the vault under the person they belong to; recovery codes are 80 random bits and stored as digests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import secrets
from dataclasses import dataclass, field
from datetime import datetime

import pyotp

STEP_S = 30
STEPS_OFF = 1
"""Telephones' clocks are off: the half minute before and the one after are taken too."""
DIGITS = 6
SECRET_BYTES = 20
ISSUER = "MarketBot"
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
MAX_CODE_CHARS = 32
QR_SCALE = 5


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A new secret at the one moment when it is shown: as text, as an address that an app opens, as a picture of that address."""

    secret: str = field(repr=False)
    otpauth_url: str = field(repr=False)
    qr_svg: str = field(repr=False)


def totp_aad(person_id: int) -> bytes:
    """Return what a person's secret is sealed for."""
    return f"person:{person_id}:totp".encode()


def enrol(email: str) -> Enrolment:
    """Make a secret for whoever has this address."""
    import segno  # three megabytes that only this moment needs

    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    url = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(name=email, issuer_name=ISSUER)
    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(picture, kind="svg", scale=QR_SCALE, xmldecl=False, dark="#000", light="#fff")
    return Enrolment(secret, url, picture.getvalue().decode())


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the half minute whose code this is, counted from the epoch; None when it is that of none near ``now``."""
    totp = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S)
    present = int(now.timestamp()) // STEP_S
    found = None
    for step in range(present - STEPS_OFF, present + STEPS_OFF + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            found = step
    return found


def read_code(text: str) -> str:
    """Return a code as it is compared: without the spaces and hyphens that people and we put in for reading."""
    return "".join(each for each in text[:MAX_CODE_CHARS] if each not in " -").lower()


def is_totp(code: str) -> bool:
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def make_recovery_codes() -> list[str]:
    """Return codes to be shown once, in groups of four."""
    return [_grouped(base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()) for _ in range(RECOVERY_CODES)]


def recovery_digest(code: str) -> bytes:
    return hashlib.sha256(read_code(code).encode("utf-8", "surrogatepass")).digest()


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))
