"""The pages that the frame names, each shown to those whose scopes open it."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.api.identity import Caller
from marketbot.domain.role import ROLE_SCOPES, Role
from marketbot.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class Place:
    """``key`` is both the text's (``nav.KEY``) and the icon's name."""

    key: str
    path: str
    scope: Scope


PLACES = (
    Place("home", "/home", Scope.ORDERS_READ),
    Place("signals", "/signals", Scope.ORDERS_READ),
    Place("results", "/results", Scope.ORDERS_READ),
    Place("accounts", "/accounts", Scope.ACCOUNTS_READ),
    Place("overview", "/operator", Scope.OPERATOR_READ),
    Place("controls", "/operator/controls", Scope.OPERATOR_READ),
    Place("all_accounts", "/operator/accounts", Scope.OPERATOR_READ),
    Place("erasures", "/operator/privacy", Scope.PEOPLE_WRITE),
    Place("sources", "/operator/sources", Scope.OPERATOR_READ),
    Place("policy", "/operator/policy", Scope.OPERATOR_READ),
    Place("people", "/operator/people", Scope.AUDIT_READ),
    Place("operator_tokens", "/operator/tokens", Scope.OPERATOR_READ),
    Place("egress", "/operator/egress", Scope.OPERATOR_READ),
    Place("channels", "/operator/channels", Scope.OPERATOR_READ),
    Place("readiness", "/operator/readiness", Scope.OPERATOR_READ),
    Place("users", "/operator/users", Scope.OPERATOR_READ),
    Place("jobs", "/operator/jobs", Scope.OPERATOR_READ),
    Place("audit", "/operator/audit", Scope.AUDIT_READ),
)


def places_of(caller: Caller | None) -> list[Place]:
    return [place for place in PLACES if caller is not None and place.scope in caller.scopes]


def current(places: list[Place], path: str) -> str:
    """Return the key of the place that a path lies in; empty for none."""
    inside = [place for place in places if path == place.path or path.startswith(f"{place.path}/")]
    return max(inside, key=lambda place: len(place.path)).key if inside else ""


def first_path(role: Role | None) -> str:
    """Return where somebody begins after signing in."""
    scopes = frozenset[Scope]() if role is None else ROLE_SCOPES[role]
    return next((place.path for place in PLACES if place.scope in scopes), "/profile")
