"""The API with REPLICA_URLS: what may be a moment old comes from the replica, and goes on without it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from marketbot.domain.venue import Profile
from marketbot.settings import Settings
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.embedded.replica import make_replica
from marketbot.store.installation import open_installation
from marketbot.store.migrate import migrate
from marketbot.store.pool import connect
from marketbot.store.replicas import REPLICAS_MAX
from marketbot.supervisor.environment import child_environment

from .conftest import Api, furnish, running, until

BODY = b'{"ticker":"BTCUSDT","signal":"SINAL LONG"}'


async def reads(api: Api, target: str) -> float:
    text = (await api.get("/metrics")).body.decode()
    found = re.search(rf'marketbot_reads_total{{target="{target}"}} (\S+)', text)
    assert found is not None
    return float(found[1])


@pytest.mark.process
async def test_a_page_comes_from_the_replica_while_it_is_fit(
    new_place: Callable[[Path], Path], place: Path, tmp_path: Path
) -> None:
    async with EmbeddedPostgres(place) as primary:
        await migrate(primary.dsn)
        await furnish(primary.dsn)
        connection = await connect(primary.dsn, name="test")
        await open_installation(connection, Profile.SIMULATION)
        await connection.close()
        async with (
            await make_replica(primary, new_place(place.parent)) as replica,
            running(primary.dsn, tmp_path, replica_urls=replica.dsn) as api,
        ):
            assert (await api.post(BODY)).status == 202
            before = await reads(api, "replica")

            async def from_replica() -> bool:
                answer = await api.get("/v1/signals/1/accounts")
                assert (answer.status, answer.json["simulated"]) == (200, True)
                return await reads(api, "replica") > before

            await until(from_replica)
            assert 'marketbot_replica_up{replica="1"} 1.0' in (await api.get("/metrics")).body.decode()

            await replica.stop()
            for _ in range(5):
                assert (await api.get("/v1/signals/1/accounts")).status == 200
            assert (await api.post(BODY.replace(b"BTC", b"ETH"))).status == 202

            async def left_out() -> bool:
                return 'marketbot_replica_up{replica="1"} 0.0' in (await api.get("/metrics")).body.decode()

            await until(left_out)


def test_the_setting_is_a_list_that_children_get_and_nobody_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = "postgresql://a:hidden-word@one.example/x,postgresql://a:hidden-word@two.example/x"
    monkeypatch.setenv("REPLICA_URLS", urls)
    settings = Settings()
    assert len(settings.replica_urls) == 2
    assert "hidden-word" not in repr(settings)
    assert child_environment(settings)["REPLICA_URLS"] == urls
    monkeypatch.setenv("REPLICA_URLS", ",".join(["postgresql://a@x/y"] * (REPLICAS_MAX + 1)))
    with pytest.raises(ValueError):
        Settings()
