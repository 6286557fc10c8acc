"""The operations of privacy and of passkeys: one's own, by a link, and an admin's over others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from marketbot.api.contract import answers, bodies
from marketbot.api.contract.bodies import Secret
from marketbot.api.contract.operation import PAGE, ZIP, Operation, Tag
from marketbot.api.contract.schema import Maybe
from marketbot.api.problems import ApiReason as R
from marketbot.domain.limits import LimitName as L
from marketbot.store.erasures import Erasure
from marketbot.store.own_keys import Holdings
from marketbot.store.passkeys import PasskeyRow

_PASSWORD = (L.LOGIN_EMAIL,)
_LINK = (L.LOGIN_ADDRESS,)
_FOR_SOMEBODY = (R.PERSON_BUSY, R.ERASURE_OPEN, R.LAST_ADMIN)


@dataclass(frozen=True, slots=True)
class Password:
    password: Secret


@dataclass(frozen=True, slots=True)
class ErasureWish:
    password: Secret
    code: Maybe[Secret]
    force: Maybe[bool]


@dataclass(frozen=True, slots=True)
class Force:
    force: Maybe[bool]


@dataclass(frozen=True, slots=True)
class ErasureAsked:
    erasure: Erasure


@dataclass(frozen=True, slots=True)
class OwnErasure:
    """``holdings`` are what would stand in its way; null for staff."""

    erasure: Erasure | None
    holdings: Holdings | None
    wait_s: int


@dataclass(frozen=True, slots=True)
class Kept:
    kept: Literal[True]


@dataclass(frozen=True, slots=True)
class ErasuresPage:
    simulated: bool
    erasures: list[Erasure]
    next: str | None


@dataclass(frozen=True, slots=True)
class PasskeysAnswer:
    """``offered``: this installation's address can have passkeys."""

    passkeys: list[PasskeyRow]
    offered: bool


@dataclass(frozen=True, slots=True)
class PasskeyRemoved:
    removed: Literal[True]


@dataclass(frozen=True, slots=True)
class PasskeyCredential:
    credential: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewPasskey:
    credential: dict[str, Any]
    name: str


@dataclass(frozen=True, slots=True)
class PasskeyName:
    name: str


PRIVACY: Mapping[str, Operation] = {
    "POST /v1/me/export": Operation(
        "export_own_data",
        Tag.PRIVACY,
        "Everything that is kept about whoever is logged in, as a ZIP that is made while it is sent",
        {200: None},
        body=Password,
        reasons=(R.PASSWORD_WRONG, R.OVERLOADED),
        media=ZIP,
        limits=(*_PASSWORD, L.EXPORTS),
    ),
    "GET /v1/me/erasure": Operation(
        "show_own_erasure", Tag.PRIVACY, "The erasure that waits, and what would stand in its way", {200: OwnErasure}
    ),
    "POST /v1/me/erasure": Operation(
        "ask_own_erasure",
        Tag.PRIVACY,
        "Ask to be erased; it waits seven days, and for what is open",
        {202: ErasureAsked},
        body=ErasureWish,
        reasons=(*_FOR_SOMEBODY, R.PASSWORD_WRONG, R.CODE_INVALID),
        limits=(*_PASSWORD, L.SECOND_FACTOR),
    ),
    "DELETE /v1/me/erasure": Operation(
        "keep_oneself", Tag.PRIVACY, "Take one's erasure back", {200: Kept}, reasons=(R.NOT_FOUND,)
    ),
    "POST /v1/erasure/keep": Operation(
        "keep_by_link",
        Tag.PRIVACY,
        "Take an erasure back by the link that its person was sent",
        {200: Kept},
        body=bodies.LinkToken,
        reasons=(R.LINK_INVALID,),
        limits=_LINK,
    ),
    "GET /v1/operator/erasures": Operation(
        "list_erasures", Tag.USERS, "All erasures, the newest first, by number", {200: ErasuresPage}, query=PAGE
    ),
    "POST /v1/operator/people/{person_id}/erasure": Operation(
        "erase_person",
        Tag.USERS,
        "Ask for a person's erasure, with their user",
        {202: ErasureAsked},
        body=Force,
        reasons=_FOR_SOMEBODY,
    ),
    "POST /v1/operator/users/{user_id}/erasure": Operation(
        "erase_user",
        Tag.USERS,
        "Ask for a user's erasure, with their person where there is one",
        {202: ErasureAsked},
        body=Force,
        reasons=_FOR_SOMEBODY,
    ),
    "DELETE /v1/operator/erasures/{erasure_id}": Operation(
        "keep_somebody", Tag.USERS, "Take an erasure back that is not done", {200: Kept}
    ),
    "POST /v1/session/passkey/begin": Operation(
        "begin_passkey_login",
        Tag.SESSIONS,
        "What a browser's `navigator.credentials.get` is asked",
        {200: dict[str, Any]},
        reasons=(R.PASSKEYS_NOT_OFFERED,),
        limits=_LINK,
    ),
    "POST /v1/session/passkey": Operation(
        "log_in_by_passkey",
        Tag.SESSIONS,
        "Log in by passkey: both factors at once",
        {201: answers.SessionMade},
        body=PasskeyCredential,
        reasons=(R.PASSKEY_INVALID, R.PASSKEYS_NOT_OFFERED, R.USER_DISABLED),
        limits=_LINK,
    ),
    "GET /v1/passkeys": Operation("list_passkeys", Tag.SESSIONS, "One's passkeys", {200: PasskeysAnswer}),
    "POST /v1/passkeys/begin": Operation(
        "begin_passkey",
        Tag.SESSIONS,
        "What a browser's `navigator.credentials.create` is asked",
        {200: dict[str, Any]},
        body=Password,
        reasons=(R.PASSWORD_WRONG, R.PASSKEYS_NOT_OFFERED),
        limits=_PASSWORD,
    ),
    "POST /v1/passkeys": Operation(
        "add_passkey",
        Tag.SESSIONS,
        "Keep the passkey that came of it",
        {201: PasskeyRow},
        body=NewPasskey,
        reasons=(R.PASSKEY_INVALID, R.PASSKEYS_NOT_OFFERED),
    ),
    "PATCH /v1/passkeys/{passkey_id}": Operation(
        "rename_passkey", Tag.SESSIONS, "Name a passkey", {200: PasskeyRow}, body=PasskeyName
    ),
    "DELETE /v1/passkeys/{passkey_id}": Operation("remove_passkey", Tag.SESSIONS, "Remove a passkey", {200: PasskeyRemoved}),
}
