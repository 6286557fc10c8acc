"""What the doctor says of a shared store, before a real one; and of source addresses, before this machine."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import redis

from marketbot.cli.doctor import shared_store
from marketbot.cli.doctor.finding import Finding, Level
from marketbot.cli.doctor.machine import check_machine
from marketbot.cli.doctor.shared_store import check_shared_store
from marketbot.settings import Settings
from marketbot.supervisor.endpoints import Endpoints

from .store import Store

CLOSED_PORT = 1


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no finding here."""
    monkeypatch.setattr("marketbot.cache.shared.CONNECT_TIMEOUT_S", 10.0)
    monkeypatch.setattr(shared_store, "SLOW_PART", 1_000.0)


async def examined(settings: Settings) -> list[Finding]:
    return [finding async for finding in check_shared_store(settings)]


def of(store: Store, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, redis_url=store.url)


async def test_an_embedded_one_is_found_and_fine(store: Store) -> None:
    findings = await examined(Settings(data_dir=store.server.data_dir))
    assert [each.level for each in findings] == [Level.FINE] * 3
    sentences = " ".join(each.sentence for each in findings)
    assert "Valkey" in sentences
    assert "64 MiB, then allkeys-lru" in sentences
    password = store.server.password_file.read_text().strip()
    assert password not in repr(findings)


@pytest.mark.parametrize(
    ("name", "value", "level", "todo"),
    [
        ("maxmemory-policy", "noeviction", Level.WRONG, "allkeys-lru"),
        ("maxmemory", "0", Level.ADVICE, "maxmemory"),
    ],
)
async def test_one_that_does_not_forget_in_good_order_is_told_of(
    store: Store, tmp_path: Path, name: str, value: str, level: Level, todo: str
) -> None:
    with redis.Redis.from_url(store.url) as client:
        client.config_set(name, value)
    *_, memory = await examined(of(store, tmp_path))
    assert memory.level is level
    assert todo in memory.todo


async def test_one_that_is_slow_is_told_of(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_store, "SLOW_PART", 0.0)
    _, speed, _ = await examined(of(store, tmp_path))
    assert speed.level is Level.ADVICE


async def test_an_old_one_is_told_of(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_store, "OLDEST", (99, 0))
    version, *_ = await examined(of(store, tmp_path))
    assert (version.level, version.todo) == (Level.ADVICE, "Use 99.0 or newer.")


async def test_one_that_hangs_or_is_away_is_wrong(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_store, "PROBE_TIMEOUT_S", 0.2)
    store.send(signal.SIGSTOP)
    try:
        (hangs,) = await examined(of(store, tmp_path))
    finally:
        store.send(signal.SIGCONT)
    store.kill()
    (away,) = await examined(of(store, tmp_path))
    assert [each.level for each in (hangs, away)] == [Level.WRONG] * 2
    assert "does not answer" in hangs.sentence
    password = store.server.password_file.read_text().strip()
    assert password not in repr((hangs, away))


async def test_a_wrong_password_is_named_and_not_shown(store: Store, tmp_path: Path) -> None:
    url = store.url.replace(store.server.password_file.read_text().strip(), "not-the-password")
    (found,) = await examined(Settings(data_dir=tmp_path, redis_url=url))
    assert (found.level, found.sentence) == (Level.WRONG, "It refuses the password.")
    assert "not-the-password" not in repr(found)


async def test_a_password_file_that_others_may_read_is_wrong(store: Store) -> None:
    store.server.password_file.chmod(0o644)
    (found,) = await examined(Settings(data_dir=store.server.data_dir))
    assert found.level is Level.WRONG
    assert "chmod 600" in found.sentence


async def test_one_elsewhere_is_to_be_spoken_to_in_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No other machine is dialled: this one stands for it.
    monkeypatch.setattr(shared_store, "is_local", lambda _url: False)
    told, away = await examined(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{CLOSED_PORT}"))
    assert (told.level, told.todo) == (Level.ADVICE, "Give REDIS_URL as rediss://.")
    assert away.level is Level.WRONG
    (away,) = await examined(Settings(data_dir=tmp_path, redis_url=f"rediss://127.0.0.1:{CLOSED_PORT}"))
    assert away.level is Level.WRONG


async def test_none_is_told_of_only_while_the_service_runs(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert await examined(settings) == []
    Endpoints(1, ["http://127.0.0.1:1"], []).write(tmp_path)
    (found,) = await examined(settings)
    assert found.level is Level.ADVICE


@pytest.mark.parametrize(
    ("addresses", "level", "said"),
    [
        ("127.0.0.1,127.0.0.2", Level.FINE, "2 can be used, beside 0 proxies."),
        ("127.0.0.1,http://user:hidden-pw@proxy.example:3128", Level.FINE, "1 can be used, beside 1 proxies."),
        ("127.0.0.1,203.0.113.77", Level.WRONG, "This machine does not have 203.0.113.77."),
        ("2001:db8::7", Level.WRONG, "This machine does not have 2001:db8::7."),
    ],
)
def test_source_addresses_must_be_this_machines_own(tmp_path: Path, addresses: str, level: Level, said: str) -> None:
    findings = {each.check: each for each in check_machine(Settings(data_dir=tmp_path, egress_addresses=addresses))}  # type: ignore[arg-type]
    found = findings["source addresses"]
    assert (found.level, found.sentence) == (level, said)
    assert "hidden-pw" not in repr(findings)
    assert "source addresses" not in {each.check for each in check_machine(Settings(data_dir=tmp_path))}
