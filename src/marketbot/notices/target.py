"""Where each kind of channel may lead: incoming webhooks at Discord's and Slack's own hosts, and letters to one plain address. Pure."""

from __future__ import annotations

import re

from marketbot.domain.notice import ChannelKind
from marketbot.notices.address import Hook, HookInvalid

MAX_EMAIL_CHARS = 254
"""RFC 5321's path, without its brackets."""

_HOSTS = {
    ChannelKind.DISCORD: (
        frozenset({"discord.com", "discordapp.com"}),
        re.compile(r"/api/webhooks/[0-9]{5,25}/[A-Za-z0-9_-]{10,120}"),
    ),
    ChannelKind.SLACK: (
        frozenset({"hooks.slack.com"}),
        re.compile(r"/services/[A-Za-z0-9]{1,40}/[A-Za-z0-9]{1,40}/[A-Za-z0-9]{1,80}"),
    ),
}
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?\.[A-Za-z]{2,63}")


def read_hook(kind: ChannelKind, url: str, *, loopback: bool = False) -> Hook:
    """Read a webhook's address; with ``loopback`` Discord's and Slack's may lie on this machine too, as a stand-in's do.

    Raises:
        HookInvalid: it is no https address on the public internet, or of another host or form than the service's.
    """
    hook = Hook.parse(url, loopback=loopback)
    if kind is ChannelKind.WEBHOOK:
        return hook
    hosts, path = _HOSTS[kind]
    own = loopback and hook.host in ("localhost", "127.0.0.1", "::1")
    if not own and (hook.authority not in hosts):
        raise HookInvalid(f"the host is one of {', '.join(sorted(hosts))}, without a port")
    if path.fullmatch(hook.target) is None:
        raise HookInvalid("the path is not an incoming webhook's")
    return hook


def read_email(text: str) -> str:
    """Return the address.

    Raises:
        HookInvalid: it is not one plain address.
    """
    if len(text) > MAX_EMAIL_CHARS or _EMAIL.fullmatch(text) is None or ".." in text:
        raise HookInvalid("it is not an e-mail address")
    return text


def masked_email(address: str) -> str:
    """Return what its owner knows it by: a***@example.com."""
    local, _, host = address.rpartition("@")
    return f"{local[:1]}***@{host}"
