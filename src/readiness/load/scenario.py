"""What virtual users do, as data: routes with their weights, streams held open, signals to a webhook. Pure."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.resources import files
from itertools import accumulate
from typing import Any

MAX_ROUTES = 200
METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})


class ScenarioInvalid(ValueError):
    """The scenario's file cannot be used; the message says why."""


class Shows(StrEnum):
    """Whose token a request shows."""

    NOBODY = "nobody"
    OPERATOR = "operator"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request. ``{name}`` in path and body stands for a value of the run or of the user.

    ``expects`` are the statuses that are no error; ``weight`` is its share among the scenario's routes.
    """

    name: str
    method: str
    path: str
    weight: float
    shows: Shows = Shows.NOBODY
    body: str = ""
    content_type: str = "application/json"
    expects: frozenset[int] = frozenset({200})


@dataclass(frozen=True, slots=True)
class Scenario:
    """``requests_per_user_s`` is how often one user asks; ``stream`` is the path of the live events that each holds open.

    ``follow`` are routes that a user asks after each event, as a page does, at a moment of its own within ``follow_within_s``.
    """

    name: str
    routes: tuple[Route, ...]
    requests_per_user_s: float
    signals_per_s: float = 0.0
    stream: str = ""
    webhook: Route | None = None
    follow: tuple[str, ...] = ()
    follow_within_s: float = 1.0

    def usable(self, *, operator: bool, users: bool, values: Mapping[str, object] = {}) -> Scenario:
        """Leave out the routes whose token or value nobody has given."""

        def can(route: Route) -> bool:
            has_token = {Shows.NOBODY: True, Shows.OPERATOR: operator, Shows.USER: users}[route.shows]
            return has_token and (route.shows is Shows.USER or _names(route.path) <= values.keys())

        return Scenario(
            self.name,
            tuple(route for route in self.routes if can(route)),
            self.requests_per_user_s,
            self.signals_per_s,
            self.stream if users else "",
            self.webhook if self.webhook is not None and _names(self.webhook.path) <= values.keys() else None,
            self.follow if users else (),
            self.follow_within_s,
        )

    def without_stream(self) -> Scenario:
        """Leave the streams out: somebody else holds them."""
        return replace(self, stream="")


@dataclass(frozen=True, slots=True)
class User:
    """One virtual user. ``values`` fill the places of that user's paths and bodies, such as ``account_id``."""

    token: str = field(default="", repr=False)
    values: Mapping[str, str] = field(default_factory=dict)


class Mix:
    """Draws routes by weight; the same seed draws the same ones."""

    def __init__(self, routes: Sequence[Route], *, seed: int) -> None:
        if not routes:
            raise ScenarioInvalid("no route can be asked with the tokens that were given")
        self._routes = list(routes)
        self._weights = list(accumulate(route.weight for route in routes))
        self._rng = random.Random(seed)  # noqa: S311 - a repeatable load, not a secret

    def draw(self) -> Route:
        return self._rng.choices(self._routes, cum_weights=self._weights)[0]

    def pick(self, count: int) -> int:
        """Return one of ``count`` users."""
        return self._rng.randrange(count)


def filled(template: str, values: Mapping[str, object]) -> str:
    """Put values into a template; braces of JSON that name no value stand as they are."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def read_scenario(text: str) -> Scenario:
    """Read a scenario from TOML.

    Raises:
        ScenarioInvalid: what is wrong with it.
    """
    try:
        document = tomllib.loads(text)
        routes = tuple(_route(name, each) for name, each in document.get("route", {}).items())
        webhook = document.get("webhook")
        found = Scenario(
            str(document["name"]),
            routes,
            float(document["requests_per_user_s"]),
            float(document.get("signals_per_s", 0.0)),
            str(document.get("stream", "")),
            None if webhook is None else _route("signal", {"method": "POST", "weight": 1.0, "expect": [202], **webhook}),
            tuple(str(name) for name in document.get("follow", ())),
            float(document.get("follow_within_s", 1.0)),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ScenarioInvalid(f"the scenario cannot be read: {error}") from error
    if not 0 < len(routes) <= MAX_ROUTES or found.requests_per_user_s < 0 or found.signals_per_s < 0:
        raise ScenarioInvalid(f"a scenario has 1 to {MAX_ROUTES} routes, and no negative rate")
    if not set(found.follow) <= {route.name for route in routes} or found.follow_within_s < 0:
        raise ScenarioInvalid("what follows an event is a route of the scenario, and not before it")
    return found


def scenario(name: str = "operator") -> Scenario:
    """Return a scenario that comes with this version."""
    file = files("readiness").joinpath("load", "scenarios", f"{name}.toml")
    if not name.isidentifier() or not file.is_file():
        raise ScenarioInvalid(f"there is no scenario {name}; operator and users come with this version, and a file ends in .toml")
    return read_scenario(file.read_text(encoding="utf-8"))


def _route(name: str, each: Mapping[str, Any]) -> Route:
    route = Route(
        name,
        str(each["method"]),
        str(each["path"]),
        float(each.get("weight", 1.0)),
        Shows(each.get("shows", "nobody")),
        str(each.get("body", "")),
        str(each.get("content_type", "application/json")),
        frozenset(int(status) for status in each.get("expect", [200])),
    )
    if route.method not in METHODS or not route.path.startswith("/") or route.weight <= 0:
        raise ScenarioInvalid(f"route {name}: a known method, a path from / and a weight above 0, please")
    return route


def _names(template: str) -> set[str]:
    return {part.split("}")[0] for part in template.split("{")[1:]}
