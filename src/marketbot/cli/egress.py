"""``egress``: every way out, as users put them on their keys' whitelists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from marketbot.cli.output import Output
from marketbot.domain.egress import Egress, EgressKind
from marketbot.settings import Settings
from marketbot.supervisor.endpoints import Endpoints

WHITELIST = "Put all of these on the API key's whitelist: an account may be moved from one to another."
SYSTEMS_CHOICE = "No addresses are configured: the system chooses, and users whitelist this machine's public address."
BEHIND_PROXIES = "Of a proxy, what the venue sees may be another address: ask whoever runs it."


@dataclass(frozen=True, slots=True)
class WayOut:
    """One of the pool: its number, as accounts name it, what it is, and its address without any login."""

    egress: int
    kind: EgressKind
    address: str


async def list_egress(output: Output, settings: Settings) -> None:
    """Show the pool of the running service, or the configured one."""
    running = Endpoints.read(settings.data_dir)
    pool = settings.egress_addresses if running is None else tuple(Egress.parse(each) for each in running.egress_addresses)
    ways = [WayOut(number, way.kind, str(way)) for number, way in enumerate(pool)]
    note = _note(ways)
    table = output.table("Ways out", ("egress", "kind", "address"), ((way.egress, way.kind, way.address) for way in ways))

    def tell(console: Console) -> None:
        if ways:
            table(console)
        console.print(note)

    output.show({"egress": ways, "note": note}, tell)


def _note(ways: Sequence[WayOut]) -> str:
    if not ways:
        return SYSTEMS_CHOICE
    return f"{WHITELIST} {BEHIND_PROXIES}" if any(way.kind is not EgressKind.ADDRESS for way in ways) else WHITELIST
