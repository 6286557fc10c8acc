"""The pages that the frame names, each shown to those whose scopes open it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from marketbot.api.identity import Caller
from marketbot.domain.role import ROLE_SCOPES, Role
from marketbot.domain.scope import Scope

QUICK = 4
"""Places that stand at the foot of a phone; the others wait behind one more button."""


@dataclass(frozen=True, slots=True)
class Place:
    """``key`` is both the text's (``nav.KEY``) and the icon's name; ``group`` is what it stands under (``nav.GROUP``)."""

    key: str
    path: str
    scope: Scope
    group: str


@dataclass(frozen=True, slots=True)
class Group:
    """Places that are about one thing, in the order in which they are wanted."""

    key: str
    places: list[Place]


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page: ``quick`` at the foot of a phone, with a button for all ``groups`` where ``folds``."""

    groups: list[Group]
    quick: list[Place]
    folds: bool
    here: str


PLACES = (
    Place("home", "/home", Scope.ORDERS_READ, "own"),
    Place("signals", "/signals", Scope.ORDERS_READ, "own"),
    Place("results", "/results", Scope.ORDERS_READ, "own"),
    Place("accounts", "/accounts", Scope.ACCOUNTS_READ, "own"),
    Place("overview", "/operator", Scope.OPERATOR_READ, "trading"),
    Place("controls", "/operator/controls", Scope.OPERATOR_READ, "trading"),
    Place("all_accounts", "/operator/accounts", Scope.OPERATOR_READ, "trading"),
    Place("users", "/operator/users", Scope.OPERATOR_READ, "trading"),
    Place("sources", "/operator/sources", Scope.OPERATOR_READ, "set_up"),
    Place("policy", "/operator/policy", Scope.OPERATOR_READ, "set_up"),
    Place("egress", "/operator/egress", Scope.OPERATOR_READ, "set_up"),
    Place("channels", "/operator/channels", Scope.OPERATOR_READ, "set_up"),
    Place("people", "/operator/people", Scope.AUDIT_READ, "access"),
    Place("operator_tokens", "/operator/tokens", Scope.OPERATOR_READ, "access"),
    Place("erasures", "/operator/privacy", Scope.PEOPLE_WRITE, "access"),
    Place("jobs", "/operator/jobs", Scope.OPERATOR_READ, "watch"),
    Place("readiness", "/operator/readiness", Scope.OPERATOR_READ, "watch"),
    Place("audit", "/operator/audit", Scope.AUDIT_READ, "watch"),
)


def places_of(caller: Caller | None) -> list[Place]:
    return [place for place in PLACES if caller is not None and place.scope in caller.scopes]


def grouped(places: list[Place]) -> list[Group]:
    """Return places under what they are about; each group's stand together already."""
    return [Group(key, list(found)) for key, found in groupby(places, lambda place: place.group)]


def frame_of(caller: Caller | None, path: str) -> Frame:
    """Return the frame of a page. What would fit in place of the button that shows the rest is shown itself."""
    places = places_of(caller)
    folds = len(places) > QUICK + 1
    return Frame(grouped(places), places[:QUICK] if folds else places, folds, current(places, path))


def current(places: list[Place], path: str) -> str:
    """Return the key of the place that a path lies in; empty for none."""
    inside = [place for place in places if path == place.path or path.startswith(f"{place.path}/")]
    return max(inside, key=lambda place: len(place.path)).key if inside else ""


def first_path(role: Role | None) -> str:
    """Return where somebody begins after signing in."""
    scopes = frozenset[Scope]() if role is None else ROLE_SCOPES[role]
    return next((place.path for place in PLACES if place.scope in scopes), "/profile")
