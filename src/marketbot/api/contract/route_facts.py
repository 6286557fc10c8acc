"""What a served route tells of itself: its path and parameters, who comes in, what it is counted by, and so how it may refuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from marketbot.api.admission import PERSON, READS, SCOPE, Standing, admit, refuse_other_sites
from marketbot.api.contract.operation import Operation, Reason
from marketbot.api.problems import ApiReason as R
from marketbot.api.repeating import is_once
from marketbot.api.shedding import LOAD_CLASS
from marketbot.domain.limits import LimitName
from marketbot.domain.load import LoadClass
from marketbot.domain.scope import USER_SCOPES, Scope

PUBLIC = ("/v1/", "/health/", "/metrics")
"""Below these stand the addresses that programs use; the others are pages."""


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """One method of one path. ``parameters`` are the path's: names, and whether each is a number."""

    method: str
    path: str
    parameters: tuple[tuple[str, bool], ...]
    scope: Scope | None
    standing: Standing | None
    guard: Any
    once: bool
    counted: bool
    told: str
    body_max_bytes: int

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return self.method not in READS


def public_routes(app: Litestar) -> Iterator[RouteFacts]:
    """Yield every method of every public path, but for the OPTIONS that the framework answers."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format.startswith(PUBLIC):
            for handler in route.route_handlers:
                for method in sorted(str(each) for each in handler.http_methods):
                    if method != "OPTIONS":
                        yield _facts(route, handler, method)


def _facts(route: HTTPRoute, handler: HTTPRouteHandler, method: str) -> RouteFacts:
    bound = handler.resolve_request_max_body_size()
    return RouteFacts(
        method=method,
        path=route.path_format,
        parameters=tuple((name, definition.type is int) for name, definition in route.path_parameters.items()),
        scope=handler.opt.get(SCOPE),
        standing=handler.opt.get(PERSON),
        guard=handler.resolve_before_request(),
        once=is_once(handler.fn),
        counted=handler.opt.get(LOAD_CLASS) is not LoadClass.UNCOUNTED,
        told=handler.fn.__doc__ or "",
        body_max_bytes=bound if isinstance(bound, int) else 0,
    )


def reasons_of(facts: RouteFacts, operation: Operation) -> list[Reason]:
    """Return everything that the route may refuse with: what follows from how it is made, and what is its own."""
    found: list[Reason] = list(operation.reasons)
    if facts.counted:
        found += [R.RATE_LIMIT_EXCEEDED, R.OVERLOADED, R.STORE_UNAVAILABLE]
    if facts.guard is admit:
        found += [
            R.TOKEN_INVALID,
            R.SESSION_INVALID,
            R.USER_DISABLED,
            R.RATE_LIMIT_EXCEEDED,
            R.STORE_UNAVAILABLE,
            R.SECOND_FACTOR_OWED,
        ]
        found.append(R.SCOPE_MISSING if facts.standing is None else R.SESSION_MISSING)
    if facts.guard is refuse_other_sites or (facts.guard is admit and facts.writes):
        found.append(R.CSRF_INVALID)
    if any(number for _, number in facts.parameters):
        found.append(R.NOT_FOUND)
    if operation.body is not None:
        found += [R.JSON_MALFORMED, R.BODY_TOO_SLOW, R.BODY_TOO_LARGE, R.JSON_EXPECTED]
        found += [] if operation.body_fault is None else [operation.body_fault]
    if facts.once:
        found += [R.COMMAND_IN_PROGRESS, R.KEY_REUSED, R.KEY_LIMIT_REACHED, R.PARAMETER_INVALID]
    if operation.query:
        found.append(R.PARAMETER_INVALID)
    return [*dict.fromkeys([*found, R.INTERNAL_ERROR])]


def limits_of(facts: RouteFacts, operation: Operation) -> list[LimitName]:
    """Return what a request is counted by."""
    if not facts.counted:
        return []
    found = [*operation.limits, LimitName.ADDRESS]
    if facts.guard is not admit:
        return found
    of_users = facts.standing is not None or facts.scope in USER_SCOPES
    of_others = facts.standing is not None or facts.scope not in USER_SCOPES or not facts.writes
    named = [LimitName.USER_COMMANDS] if of_users and facts.writes else []
    return [*named, *([LimitName.TOKEN_READS] if of_others else []), *found]
