"""The embedded server: private, nobody's when we are root, and with nothing on disk."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from marketbot.cache.valkey_server import MAX_MEMORY_BYTES, ValkeyServer, ValkeyUnavailable
from marketbot.store.embedded.binaries import UNPRIVILEGED_ID

from .store import Store


def test_it_is_ours_alone(store: Store) -> None:
    password = urlsplit(store.url).password
    assert password is not None
    assert len(password) >= 32
    assert stat.S_IMODE(store.server.password_file.stat().st_mode) == 0o600
    assert store.process is not None
    process = psutil.Process(store.process.pid)
    assert password not in " ".join([*process.cmdline(), *process.environ().values()])
    assert "MARKETBOT_DATA_DIR" not in process.environ()
    assert process.uids().effective == (UNPRIVILEGED_ID if os.geteuid() == 0 else os.geteuid())
    assert process.net_connections(kind="inet") == []
    with redis.Redis(unix_socket_path=str(store.server.socket)) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_its_memory_is_bounded_and_nothing_is_written(store: Store) -> None:
    with redis.Redis.from_url(store.url, decode_responses=True) as client:
        expected = {"maxmemory": str(MAX_MEMORY_BYTES), "maxmemory-policy": "allkeys-lru", "save": "", "appendonly": "no"}
        told: Any = client.config_get(*expected)
        assert told == expected
        client.set("a", "b")
    store.send(signal.SIGTERM)
    assert store.process is not None
    store.process.wait()
    assert [path.name for path in store.server.folder.iterdir() if path.suffix in (".rdb", ".aof")] == []
    store.start()
    with redis.Redis.from_url(store.url) as client:
        assert client.get("a") is None


async def test_whoever_supervises_it_hears_whether_it_answers_to_its_password(store: Store) -> None:
    assert await store.server.is_answering()
    store.server.password_file.write_text("another one\n")
    assert not await store.server.is_answering()
    store.kill()
    assert not await store.server.is_answering()


def test_a_password_that_others_may_read_is_not_used(place: Path) -> None:
    place.mkdir(mode=0o711)
    place.chmod(0o711)
    server = ValkeyServer(place)
    server.prepare()
    server.password_file.chmod(0o644)
    with pytest.raises(ValkeyUnavailable, match="chmod 600"):
        server.prepare()


def test_a_folder_that_its_user_cannot_enter_is_said_to_be_one(place: Path) -> None:
    place.mkdir(mode=0o700)
    if os.geteuid() != 0:
        ValkeyServer(place).prepare()
        return
    with pytest.raises(ValkeyUnavailable, match="cannot enter"):
        ValkeyServer(place).prepare()


def test_where_there_is_no_server_it_says_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Windows")
    place.mkdir(mode=0o711)
    with pytest.raises(ValkeyUnavailable, match="windows"):
        ValkeyServer(place).prepare()
