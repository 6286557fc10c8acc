"""Nothing about an order depends on the shared store: it is killed amid a fan-out, or was never there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from marketbot.cache.valkey_server import ValkeyServer, ValkeyUnavailable
from marketbot.cli.http import request

from .world import World, processes_of, world

pytestmark = pytest.mark.process

ACCOUNTS = 60
LATE_HALF = [
    {"kind": "slow", "path": path, "method": "POST", "after": ACCOUNTS // 4, "delay_ms": 700}
    for path in ("/fapi/v1/order", "/v5/order/create")
]


async def readiness(made: World) -> dict[str, Any]:
    answer = await request("GET", f"{made.stage.endpoints.api_url}/health/ready", b"", {})
    assert answer.status == 200
    document: dict[str, Any] = answer.document
    return document


async def test_the_shared_store_is_killed_midway(place: Path) -> None:
    async with world(place) as made:
        await made.add_accounts("momentum", "ana", ACCOUNTS)
        await made.stage.control.add_faults(LATE_HALF)
        signal_id = await made.accepted("momentum")
        await made.outcomes(1)
        child = made.stage.supervisor.children["valkey"]
        (server,) = [each for each in processes_of(place) if each.name() == "valkey-server"]
        # Frozen first, so that it is away for as long as we like: the supervisor starts a dead one again at once.
        server.suspend()

        async def degraded() -> bool:
            return (await readiness(made)).get("degraded") == ["shared_store"]

        await made.until(degraded, "the API says that it does without the shared store")
        second = await made.accepted("momentum", "pine_short.json")
        server.kill()

        async def whole_again() -> bool:
            return child.restarts >= 1 and "degraded" not in await readiness(made)

        await made.until(whole_again, "the shared store is back")
        await made.settled(signal_id, second)
        found = await made.final_audit(unprotected_limit_s=15.0)
        assert not psutil.pid_exists(server.pid) or server.pid not in [each.pid for each in processes_of(place)]
    assert found.clean, found.document()
    assert found.planned == 2 * ACCOUNTS


async def test_where_no_shared_store_can_run_the_service_runs_without(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(_server: ValkeyServer) -> str:
        raise ValkeyUnavailable("There is none for this platform.")

    monkeypatch.setattr(ValkeyServer, "prepare", prepare)
    async with world(place) as made:
        assert "valkey" not in made.stage.supervisor.children
        assert made.stage.supervisor.settings.redis_url is None
        await made.add_accounts("momentum", "ana", 4)
        await made.settled(await made.accepted("momentum"))
        assert await readiness(made) == {"status": "ready"}
        found = await made.final_audit(unprotected_limit_s=15.0)
    assert found.clean, found.document()
    assert found.ordered == 4
