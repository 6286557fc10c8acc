"""Backups that nobody asks for: how often, and made by a process of their own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from tests.faults.installation import eventually

from marketbot.domain.venue import Profile
from marketbot.settings import BACKUP_EVERY_DEFAULT, Settings
from marketbot.store.installation import open_installation
from marketbot.store.pool import connect
from marketbot.supervisor.backups import run_backups
from marketbot.supervisor.environment import child_environment
from marketbot.supervisor.programs import log_directory
from marketbot.supervisor.supervisor import Supervisor


def test_only_a_live_service_with_its_own_server_backs_up_unasked(tmp_path: Path) -> None:
    own, elsewhere = None, SecretStr("postgresql://db.example/marketbot")
    assert Settings(data_dir=tmp_path, profile=Profile.LIVE, database_url=own).backup_interval == BACKUP_EVERY_DEFAULT
    assert Settings(data_dir=tmp_path, profile=Profile.LIVE, database_url=elsewhere).backup_interval is None
    assert Settings(data_dir=tmp_path, profile=Profile.SIMULATION, database_url=own).backup_interval is None


def test_a_period_is_set_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, every in (("6h", timedelta(hours=6)), ("30m", timedelta(minutes=30)), ("2d", timedelta(days=2)), ("off", None)):
        monkeypatch.setenv("MARKETBOT_BACKUP_EVERY", words)
        assert Settings(data_dir=tmp_path).backup_interval == every
        told = child_environment(Supervisor(Settings(data_dir=tmp_path)).settings)["MARKETBOT_BACKUP_EVERY"]
        monkeypatch.setenv("MARKETBOT_BACKUP_EVERY", told)
        assert Settings(data_dir=tmp_path).backup_interval == every, "a child is told the same"
    for wrong in ("1m", "daily", "-1h"):
        monkeypatch.setenv("MARKETBOT_BACKUP_EVERY", wrong)
        with pytest.raises(ValidationError):
            Settings(data_dir=tmp_path)


@pytest.mark.process
async def test_one_that_is_due_is_made_by_a_process_and_only_once(database: str, tmp_path: Path) -> None:
    every = timedelta(hours=1)
    settings = Settings(
        data_dir=tmp_path,
        database_url=SecretStr(database),
        profile=Profile.SIMULATION,
        backup_every=every,
        backup_dir=tmp_path / "shelf",
    )
    await asyncio.to_thread(log_directory(settings).mkdir)
    connection = await connect(database, name="test")
    await open_installation(connection, Profile.SIMULATION)
    schedule = asyncio.create_task(run_backups(settings, database, every, ask_every_s=0.01))

    async def is_made() -> bool:
        return bool(await connection.fetchval("SELECT count(*) FROM backup_run"))

    try:
        await eventually(is_made, 30)
    finally:
        schedule.cancel()
        await asyncio.gather(schedule, return_exceptions=True)
    assert await connection.fetchval("SELECT count(*) FILTER (WHERE succeeded) FROM backup_run") == 1
    await connection.close()
    assert len(list((tmp_path / "shelf").iterdir())) == 1
