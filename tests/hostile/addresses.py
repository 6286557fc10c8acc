"""The route table as an attacker reads it: every method and address there is, who it is for, and which numbers stand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute

from marketbot.api.admission import PERSON, SCOPE, Standing
from marketbot.api.app import create_app
from marketbot.api.database import Database
from marketbot.domain.scope import OPERATOR_SCOPES, USER_SCOPES, Scope
from marketbot.settings import Settings

READS = ("GET", "HEAD")
WORDS = {"source": "shared", "secret": "s" * 43, "path": "console.css", "name": "webhooks", "symbol": "BTCUSDT", "side": "long"}
"""What stands in addresses beside numbers."""
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")


@dataclass(frozen=True, slots=True)
class Address:
    """``parameters`` are the numbers that the path holds, by name."""

    method: str
    path: str
    page: bool
    scope: Scope | None
    standing: Standing | None
    parameters: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def of_users(self) -> bool:
        return self.scope in USER_SCOPES

    @property
    def of_staff(self) -> bool:
        return self.scope in OPERATOR_SCOPES

    @property
    def guarded(self) -> bool:
        """Tell whether somebody has to be logged in, or show a token."""
        return self.scope is not None or self.standing is not None

    @property
    def writes(self) -> bool:
        return self.method not in READS

    def at(self, numbers: Mapping[str, object]) -> str:
        """Return the path with these numbers in it, and in place of words others where they are among them."""
        return _PARAMETER.sub(lambda found: str({**WORDS, **numbers}[found[1]]), self.path)


def addresses_of(app: Litestar) -> list[Address]:
    found = []
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            page = handler.fn.__module__.startswith("marketbot.web")
            scope, standing = handler.opt.get(SCOPE), handler.opt.get(PERSON)
            path = route.path_format if ":" in route.path_format else route.path
            names = tuple(name for name, kind in _PARAMETER.findall(path) if kind == "int")
            found += [
                Address(str(method), path, page, scope, standing, names) for method in sorted(handler.http_methods - {"OPTIONS"})
            ]
    return sorted(found, key=lambda each: (each.path, each.method))


def all_addresses(data_dir: Path) -> list[Address]:
    async def away() -> Any:
        raise OSError

    return addresses_of(create_app(Database(open_pool=away), Settings(data_dir=data_dir)))
