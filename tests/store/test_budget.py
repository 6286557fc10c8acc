"""The sum of connections: against what processes really hold, and against what the server has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.faults.installation import open_installation_with

from marketbot.domain.venue import Profile
from marketbot.settings import ENGINE_POOL_SIZE_DEFAULT, Settings
from marketbot.store.budget import (
    BACKUP_RESERVE,
    DIRECT,
    OPERATOR_RESERVE,
    Budget,
    Demand,
    Role,
    Server,
    max_connections_for,
)
from marketbot.store.connections import ConnectionBudgetError, check_budget, usage
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.pool import connect
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.supervisor import Supervisor

RESERVE = OPERATOR_RESERVE + BACKUP_RESERVE


def test_a_process_is_its_pool_and_its_direct_connections() -> None:
    assert Demand(Role.API, 2, 10).connections == 22
    assert Demand(Role.ENGINE, 3, 5).connections == 3 * (5 + DIRECT[Role.ENGINE])
    assert set(DIRECT) == set(Role)


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_the_last_connection_counts(spare: int, fits: bool) -> None:
    demands = (Demand(Role.API, 2, 10), Demand(Role.ENGINE, 2, 5))
    usable = 22 + 14 + RESERVE + 4
    found = Budget(demands, Server(usable + spare + 3, reserved=3, others=4))
    assert found.fits is fits
    assert ("max_connections to" in found.sentence) is not fits


def test_what_it_says_to_change_is_enough() -> None:
    demands = (Demand(Role.API, 4, 50), Demand(Role.ENGINE, 4, 50))
    tight = Budget(demands, Server(100, reserved=3, others=7))
    advised = re.search(r"max_connections to (\d+)", tight.sentence)
    assert advised is not None
    assert Budget(demands, Server(int(advised[1]), reserved=3, others=7)).fits
    assert not Budget(demands, Server(int(advised[1]) - 1, reserved=3, others=7)).fits


def test_machines_multiply() -> None:
    demands = (Demand(Role.ENGINE, 1, 5),)
    assert max_connections_for(demands, reserved=3, machines=10) == 10 * 7 + RESERVE + 3


@pytest.mark.process
async def test_an_engine_holds_what_the_sum_says(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=2) as made:
        await made.start_engine()
        rows = await made.connection.fetch(
            "SELECT application_name AS name, count(*) AS held FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'marketbot %' GROUP BY 1"
        )
        # An engine's sessions end in a name of its own; the pool's has nothing else.
        held = {row["name"].rpartition(" ")[0]: row["held"] for row in rows if row["name"] != "marketbot drill"}
        assert 1 <= held.pop("marketbot engine") <= ENGINE_POOL_SIZE_DEFAULT
        assert sum(held.values()) == DIRECT[Role.ENGINE], held


async def test_live_sessions_are_counted_and_a_start_without_room_is_refused(place: Path) -> None:
    settings = {"max_connections": "20", "superuser_reserved_connections": "3", "max_wal_senders": "0"}
    async with EmbeddedPostgres(place, settings=settings) as server:
        connection = await connect(server.dsn, name="supervisor")
        crowd = [await connect(server.dsn, name="elsewhere") for _ in range(3)]
        try:
            now = await usage(connection)
            assert (now.max_connections, now.reserved, now.used) == (20, 3, 4)
            fitting = await check_budget(connection, [Demand(Role.API, 1, 20 - 3 - RESERVE - 3 - 1)])
            assert fitting.needed == fitting.server.usable
            with pytest.raises(ConnectionBudgetError, match="max_connections to 21 or more"):
                await check_budget(connection, [Demand(Role.API, 1, 20 - 3 - RESERVE - 3)])
        finally:
            for each in (*crowd, connection):
                await each.close()


async def test_a_service_that_would_not_fit_says_what_to_change_and_does_not_start(place: Path, tmp_path: Path) -> None:
    settings = {"max_connections": "20", "superuser_reserved_connections": "3", "max_wal_senders": "0"}
    async with EmbeddedPostgres(place, settings=settings) as server:
        wanted = Settings(data_dir=tmp_path, database_url=SecretStr(server.dsn), profile=Profile.SIMULATION)
        with pytest.raises(SupervisorError, match=r"1 x api of 10\+1, 1 x engine of 5\+2.*Set max_connections to 29 or more"):
            await Supervisor(wanted).start()
