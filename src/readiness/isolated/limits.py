"""Limits of users and tokens, asked for until they say no: at both API processes in turn, for a limit that each kept alone would
let twice as much pass."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from readiness.isolated.errors import RunFailed
from readiness.isolated.installation import Installation
from readiness.load.scenario import User
from readiness.load.target import Target
from readiness.load.wire import Connection, Reply, WireFailed, connect, request
from readiness.measurement import Measurement, measured, unmeasured

COMMANDS = 24
"""A user may change ten things in a minute; two processes that did not speak with each other would let twenty pass."""
COMMANDS_MAX = 12
"""Ten, and what comes back meanwhile on a slow machine."""
READS = 700
"""A token may read 300 times at once and 20 times a second from then on; kept apart, twice as often."""
READERS = 8
TIMEOUT_S = 10.0
TOO_MANY = 429
SPENT = 2
"""The first users, whose limits are used up; they take no part in what comes after."""
NAMES = ("limit_per_user", "limit_per_token", "limit_shared", "limit_spares_others")
SETTING = b'{"paused":false}'


@dataclass(slots=True)
class Asked:
    """What became of one caller's requests. ``silent`` refusals did not say when to come again."""

    statuses: Counter[int] = field(default_factory=Counter)
    silent: int = 0

    def note(self, reply: Reply) -> None:
        self.statuses[reply.status] += 1
        if reply.status == TOO_MANY and not reply.headers.get("retry-after", "").isdigit():
            self.silent += 1

    @property
    def refused(self) -> int:
        return self.statuses[TOO_MANY]

    @property
    def passed(self) -> int:
        return sum(count for status, count in self.statuses.items() if status < 300)

    def told(self) -> str:
        return ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items())) or "-"


async def user_limits(made: Installation) -> list[Measurement]:
    """Ask too much with the first user's token and with the second's, and see whether the third is served.

    Raises:
        RunFailed: a process did not answer.
    """
    if len(made.users) < 3 or len({user.values.get("account_id") for user in made.users[:3]}) < 3:
        return [unmeasured(name, "few_users") for name in NAMES]
    changing, reading, other = made.users[:3]
    commands = await _ask(made.apis, [_change(changing)] * COMMANDS)
    parts = await asyncio.gather(*(_ask(made.apis, [_read(reading)] * (READS // READERS)) for _ in range(READERS)))
    reads = Asked()
    for part in parts:
        reads.statuses.update(part.statuses)
        reads.silent += part.silent
    spared = await _ask(made.apis, [_read(other), _change(other)] * len(made.apis))
    return limit_measurements(commands, reads, spared, len(made.apis))


def limit_measurements(commands: Asked, reads: Asked, spared: Asked, processes: int) -> list[Measurement]:
    """A limit that refuses without saying when to come again counts as none. Pure."""
    shared = (
        measured("limit_shared", commands.refused > 0 and commands.passed <= COMMANDS_MAX, "yes", "limit_shared",
                 passed=commands.passed, asked=commands.statuses.total(), processes=processes)
        if processes > 1
        else unmeasured("limit_shared", "one_api")
    )  # fmt: skip
    return [
        measured("limit_per_user", commands.refused > 0 and not commands.silent, "yes", "limit_user", answers=commands.told()),
        measured("limit_per_token", reads.refused > 0 and not reads.silent, "yes", "limit_token", answers=reads.told()),
        shared,
        measured(
            "limit_spares_others", spared.passed == spared.statuses.total() > 0, "yes", "limit_others", answers=spared.told()
        ),
    ]


def _change(user: User) -> tuple[str, str, bytes, str]:
    return "PATCH", f"/v1/accounts/{user.values['account_id']}/settings", SETTING, user.token


def _read(user: User) -> tuple[str, str, bytes, str]:
    return "GET", "/v1/me", b"", user.token


async def _ask(targets: Sequence[Target], wanted: Sequence[tuple[str, str, bytes, str]]) -> Asked:
    """Ask one request after the other, at each process in turn, over a connection to each."""
    found = Asked()
    connections: dict[Target, Connection] = {}
    try:
        for target, (method, path, body, token) in zip(islice(cycle(targets), len(wanted)), wanted, strict=True):
            connection = connections.get(target)
            if connection is None or not connection.is_open:
                connection = connections[target] = await connect(target)
            found.note(await connection.ask(request(method, path, host=target.authority, body=body, token=token), TIMEOUT_S))
    except WireFailed as failed:
        raise RunFailed(f"a request was not answered ({failed.kind})") from None
    finally:
        for connection in connections.values():
            connection.close()
    return found
