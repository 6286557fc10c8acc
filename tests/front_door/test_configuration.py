"""The configuration as a text: what it is made from, what it refuses, and what HAProxy says of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from marketbot.api.events import WRITE_TIMEOUT_S, follow_all, follow_own
from marketbot.api.live_stream import SIGN_OF_LIFE_S
from marketbot.api.shedding import MAX_STREAMS
from marketbot.intake.document import MAX_BODY_BYTES
from marketbot.settings import Settings
from marketbot.supervisor import programs
from marketbot.supervisor.errors import SupervisorError
from marketbot.supervisor.front_door import (
    BODY_BYTES_MAX,
    FILES_PER_CONNECTION,
    LOG_STDERR,
    MAX_CONNECTIONS,
    STREAMS_MAX,
    FrontDoor,
    FrontDoorError,
    Place,
    connections_for,
    render,
)

ROOT = Path(__file__).parents[2]
APIS = (Place("127.0.0.1", 8000), Place("api.internal", 8001), Place("fd00::5", 8002))
DOOR = FrontDoor(Place("", 8080), APIS)


def times_ms(text: str, name: str) -> int:
    found = re.search(rf"\b{name} (\d+)ms", text)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    "door", [DOOR, FrontDoor(Place("::1", 8080), APIS[:1], max_connections=10, log=LOG_STDERR)], ids=["several", "one"]
)
def test_haproxy_takes_it_without_a_warning(door: FrontDoor, haproxy: str, tmp_path: Path) -> None:
    file = tmp_path / "door.cfg"
    text = render(door).replace("api.internal", "127.0.0.1")
    file.write_text(text)
    said = subprocess.run([haproxy, "-c", "-dW", "-f", str(file)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_each_api_is_checked_once_and_serves_all_three() -> None:
    text = render(DOOR)
    assert text.count("option httpchk") == 1
    for number, place in enumerate(APIS, 1):
        assert text.count(f"server api{number} {place}\n") == 1
        assert text.count(f"server api{number} {place} track webhook/api{number}\n") == 2


def test_the_file_for_deployments_is_what_the_program_writes() -> None:
    apis = [Place("127.0.0.1", 8000), Place("127.0.0.1", 8001)]
    assert (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text() == render(FrontDoor(Place("", 8080), apis))


def test_it_passes_on_what_the_api_takes_and_no_more() -> None:
    assert BODY_BYTES_MAX == MAX_BODY_BYTES
    assert STREAMS_MAX == MAX_STREAMS


def test_every_stream_of_the_api_is_one_to_the_door() -> None:
    found = re.search(r"acl stream path (.+)", render(DOOR))
    assert found is not None
    assert set(found[1].split()) == {path for handler in (follow_own, follow_all) for path in handler.paths}


def test_a_quiet_stream_is_no_dead_one() -> None:
    text = render(DOOR)
    client = re.search(r"timeout client (\d+)s", text)
    server = re.search(r"backend streams.*timeout server (\d+)s", text, re.DOTALL)
    assert client is not None
    assert server is not None
    # A sign of life may come late, and what nobody reads is seen by our own bound first.
    assert min(int(client[1]), int(server[1])) >= 2 * SIGN_OF_LIFE_S
    assert int(client[1]) > WRITE_TIMEOUT_S


def test_an_api_drains_longer_than_the_door_takes_to_notice() -> None:
    text = render(DOOR)
    checks = re.search(r"fall (\d+)", text)
    assert checks is not None
    notices_ms = times_ms(text, " inter") + int(checks[1]) * times_ms(text, "fastinter")
    assert Settings.model_fields["api_drain_s"].default * 1000 >= 2 * notices_ms


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:8000",
        "127.0.0.1:8000",
        "http://:8000",
        "http://a",
        "http://a:0",
        "http://a:70000",
        "http://a:1/path",
        "http://a b:1",
        "http://a:1\n    server evil 203.0.113.9:1",
        "http://[::g]:1",
        "http://-a:1",
        "http://a#:1",
        "http://a:٣",
    ],
)
def test_what_is_no_address_of_an_api_is_refused(url: str) -> None:
    with pytest.raises(FrontDoorError):
        Place.of_url(url)


@pytest.mark.parametrize(
    "door",
    [
        FrontDoor(Place("", 8080), ()),
        FrontDoor(Place("", 8080), (APIS[0], APIS[0])),
        FrontDoor(APIS[0], APIS),
        FrontDoor(Place("", 8080), APIS, requests_per_10s=0),
        FrontDoor(Place("", 8080), [Place("127.0.0.1", 1_000 + number) for number in range(65)]),
    ],
    ids=["no api", "twice", "itself", "no request", "too many"],
)
def test_a_door_that_cannot_work_is_refused(door: FrontDoor) -> None:
    with pytest.raises(FrontDoorError):
        render(door)


@pytest.mark.parametrize("limit", [256, 1_024, 65_536, 1 << 30])
def test_there_are_files_enough_for_the_connections(limit: int) -> None:
    assert 1 <= connections_for(limit) <= MAX_CONNECTIONS
    assert connections_for(limit) * FILES_PER_CONNECTION < limit


def test_without_haproxy_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "PLACES_OF_SYSTEM_PROGRAMS", ())
    with pytest.raises(SupervisorError, match="not installed"):
        programs.find_front_door()
