"""Webhooks: what may be asked for, and what is answered. Written by `make client` from the API's document."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot_client.call import UNSET, Call, Unset, given


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalTaken:
    """The signal is committed. ``duplicate`` is there for one that was answered before, and says true."""

    signal_id: int
    status: str
    duplicate: bool | None = None


def send_signed_signal(
    source: str, body: str, *, timestamp: str | Unset = UNSET, signature: str | Unset = UNSET
) -> Call[SignalTaken]:
    """Send a signal, signed or with its secret in the body."""
    return Call(
        "POST",
        "/v1/webhook/{source}",
        {202: SignalTaken},
        places={"source": source},
        headers=given(**{"x-marketbot-timestamp": timestamp, "x-marketbot-signature": signature}),
        body=body,
    )


def send_signal(source: str, secret: str, body: str) -> Call[SignalTaken]:
    """Send a signal to an address that holds the source's secret."""
    return Call(
        "POST", "/v1/webhook/{source}/{secret}", {202: SignalTaken}, places={"source": source, "secret": secret}, body=body
    )
