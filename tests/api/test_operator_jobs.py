"""Dead letters over HTTP, and an API process that nears its memory bound."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.ports import free_port

from marketbot.api.paging import write_cursor
from marketbot.api.server import serve
from marketbot.settings import Settings
from marketbot.workers import memory
from marketbot.workers.memory import REPLACE_STATUS

from .conftest import START_DEADLINE_S, TOKEN, Api

DEAD = "INSERT INTO job (kind, key, max_attempts, attempts, failed, dead_at) VALUES ('note', $1, 3, 3, 'away', now())"


async def test_dead_letters_are_read_retried_and_dropped(api: Api) -> None:
    for key in ("ana", "bia"):
        await api.rows(DEAD, key)
    answer = await api.get("/v1/operator/jobs/dead")
    assert answer.status == 200
    found = {job["key"]: job["job_id"] for job in answer.json["jobs"]}
    assert found.keys() == {"ana", "bia"}
    assert {job["failed"] for job in answer.json["jobs"]} == {"away"}
    shown = {"authorization": f"Bearer {TOKEN}"}
    assert (await api.send("POST", f"/v1/operator/jobs/{found['ana']}/retry", **shown)).status == 200
    assert (await api.send("POST", f"/v1/operator/jobs/{found['bia']}/drop", **shown)).status == 200
    left = (await api.get("/v1/operator/jobs/dead")).json
    assert (left["jobs"], left["next"]) == ([], None)
    rows = await api.rows("SELECT key, attempts, dead_at FROM job")
    assert [tuple(row) for row in rows] == [("ana", 0, None)]


async def test_dead_letters_are_read_a_page_at_a_time_the_latest_first(api: Api) -> None:
    # Two died in the same instant: their numbers say which of them comes first.
    for key, minutes in (("a", 4), ("b", 3), ("c", 2), ("d", 2), ("e", 1)):
        await api.rows(
            f"{DEAD.removesuffix('now())')}timestamptz '2026-01-01 00:00Z' - $2::int * interval '1 minute')", key, minutes
        )
    first = (await api.get("/v1/operator/jobs/dead?limit=2")).json
    assert [job["key"] for job in first["jobs"]] == ["e", "d"]
    # What is gone meanwhile, the page's last one too, and what dies meanwhile move nothing.
    shown = {"authorization": f"Bearer {TOKEN}"}
    assert (await api.send("POST", f"/v1/operator/jobs/{first['jobs'][1]['job_id']}/drop", **shown)).status == 200
    await api.rows(DEAD, "f")
    second = (await api.get(f"/v1/operator/jobs/dead?limit=2&after={first['next']}")).json
    assert [job["key"] for job in second["jobs"]] == ["c", "b"]
    third = (await api.get(f"/v1/operator/jobs/dead?limit=2&after={second['next']}")).json
    assert ([job["key"] for job in third["jobs"]], third["next"]) == (["a"], None)
    for query in ("limit=0", "limit=201", "after=nonsense", f"after={write_cursor('tokens', (1,))}"):
        assert (await api.get(f"/v1/operator/jobs/dead?{query}")).status == 400


async def test_what_is_no_dead_letter_is_not_found(api: Api) -> None:
    shown = {"authorization": f"Bearer {TOKEN}"}
    for number in ("1", "0", str(2**63)):
        for what in ("retry", "drop"):
            assert (await api.send("POST", f"/v1/operator/jobs/{number}/{what}", **shown)).status == 404


async def test_nobody_gets_there_without_the_operators_token(api: Api) -> None:
    await api.rows(DEAD, "ana")
    assert (await api.get("/v1/operator/jobs/dead", token=None)).status == 401
    for what in ("retry", "drop"):
        assert (await api.send("POST", f"/v1/operator/jobs/1/{what}")).status == 401
    assert len(await api.rows("SELECT 1 FROM job WHERE dead_at IS NOT NULL")) == 1


async def test_a_process_past_its_memory_bound_ends_by_itself_and_asks_to_be_replaced(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "YOUNG_S", 0.0)
    settings = Settings(data_dir=tmp_path, api_port=free_port(), operator_token=TOKEN, memory_bound_mb=1)
    async with asyncio.timeout(START_DEADLINE_S * 3):
        assert await serve(settings, database) == REPLACE_STATUS
