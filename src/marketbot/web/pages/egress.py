"""GET /operator/egress: the addresses that requests to exchanges leave from, for users to whitelist."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.domain.egress import Egress
from marketbot.domain.scope import Scope
from marketbot.store.egress_load import accounts_by_egress
from marketbot.web.page import show


@dataclass(frozen=True, slots=True)
class WayOut:
    """``address`` is None where an account's way out is not set any more."""

    number: int
    address: str | None
    proxy: bool
    accounts: int


def ways_out(ways: tuple[Egress, ...], accounts: dict[int, int]) -> list[WayOut]:
    """Return every way out that is set, and those that accounts still name."""
    found = [WayOut(number, way.host, way.is_proxy, accounts.get(number, 0)) for number, way in enumerate(ways)]
    return found + [
        WayOut(number, None, False, count) for number, count in sorted(accounts.items()) if ways and number >= len(ways)
    ]


@get("/operator/egress", opt=demands(Scope.OPERATOR_READ))
async def egress(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    ways: tuple[Egress, ...] = request.app.state.egress
    async with database.connection() as connection:
        accounts = await accounts_by_egress(connection)
    whitelist = "\n".join(dict.fromkeys(way.host for way in ways))
    return await show(request, "egress.html", ways=ways_out(ways, accounts), whitelist=whitelist, accounts=sum(accounts.values()))
