"""What a request for a channel asks for: where it leads, in which language, and what of. Pure; no address is ever quoted back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from marketbot.domain.notice import SEVERITIES, ChannelKind, Notice, Severity, Spoken
from marketbot.notices.address import HookInvalid
from marketbot.notices.target import masked_email, read_email, read_hook
from marketbot.store.channels import ChannelChange

_Word = TypeVar("_Word", bound=StrEnum)
_CHOICES = frozenset({"language", "minimum", "notices"})
LEADS = {
    ChannelKind.WEBHOOK: "url",
    ChannelKind.DISCORD: "url",
    ChannelKind.SLACK: "url",
    ChannelKind.EMAIL: "address",
}
"""The field that says where a channel leads; a chat says it itself."""


class ChannelInvalid(ValueError):
    """A field that cannot be used; the text names it."""


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """``target`` may be a secret; none for a chat that is still to be linked. ``name`` is what it is shown as."""

    kind: ChannelKind
    name: str
    target: str | None = field(repr=False)
    language: Spoken
    minimum: Severity
    notices: tuple[Notice, ...] | None


def read_channel_wish(
    document: Mapping[str, Any], allowed: frozenset[Notice], language: Spoken, *, loopback: bool = False
) -> ChannelWish:
    """Read ``kind``, ``url`` or ``address``, and the choices. Who names notices and no ``minimum`` gets all that were named.

    Raises:
        ChannelInvalid: a field is missing, malformed, or too much.
    """
    kind = _one("kind", document.get("kind"), ChannelKind)
    lead = LEADS.get(kind)
    _known(document, _CHOICES | {"kind"} | ({lead} if lead else set()))
    change = _choices(document, allowed)
    notices = None if change.notices is None else tuple(change.notices)
    minimum = change.minimum or (Severity.WARNING if notices is None else least_grave(notices))
    target, name = None, "Telegram"
    if lead is not None:
        target = document.get(lead)
        if not isinstance(target, str):
            raise ChannelInvalid(f"{lead} is a text")
        name = _name(kind, target, loopback=loopback)
    return ChannelWish(kind, name, target, change.language or language, minimum, notices)


def read_channel_change(document: Mapping[str, Any], allowed: frozenset[Notice]) -> ChannelChange:
    """Read what is to be different; where a channel leads is not among it.

    Raises:
        ChannelInvalid: a field is unknown or malformed, or there is none.
    """
    _known(document, _CHOICES)
    if not document:
        raise ChannelInvalid(f"the body has some of: {', '.join(sorted(_CHOICES))}")
    return _choices(document, allowed)


def _choices(document: Mapping[str, Any], allowed: frozenset[Notice]) -> ChannelChange:
    language, minimum = document.get("language"), document.get("minimum")
    return ChannelChange(
        None if language is None else _one("language", language, Spoken),
        None if minimum is None else _one("minimum", minimum, Severity),
        "notices" in document,
        _notices(document.get("notices"), allowed),
    )


def _notices(value: object, allowed: frozenset[Notice]) -> Sequence[Notice] | None:
    if value is None:
        return None
    known = {notice.value: notice for notice in allowed}
    if (
        not isinstance(value, list)
        or not 0 < len(value) <= len(known)
        or not all(isinstance(each, str) and each in known for each in value)
    ):
        raise ChannelInvalid(f"notices is null for all, or a list of some of: {', '.join(sorted(known))}")
    return [known[each] for each in dict.fromkeys(value)]


def least_grave(notices: Sequence[Notice]) -> Severity:
    """Return from where on all of some notices are told."""
    return min((SEVERITIES[notice] for notice in notices), key=tuple(Severity).index)


def _one(name: str, value: object, words: type[_Word]) -> _Word:
    if not isinstance(value, str) or value not in {word.value for word in words}:
        raise ChannelInvalid(f"{name} is one of: {', '.join(word.value for word in words)}")
    return words(value)


def _known(document: Mapping[str, Any], names: frozenset[str] | set[str]) -> None:
    if not set(document) <= names:
        raise ChannelInvalid(f"the body has no fields but: {', '.join(sorted(names))}")


def _name(kind: ChannelKind, target: str, *, loopback: bool) -> str:
    try:
        if kind is ChannelKind.EMAIL:
            return masked_email(read_email(target))
        return read_hook(kind, target, loopback=loopback).authority
    except HookInvalid as invalid:
        raise ChannelInvalid(str(invalid)) from None
