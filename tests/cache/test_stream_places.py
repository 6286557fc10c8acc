"""A user's streams over all processes: bounded together, and no process that dies or store that forgets leaves a count behind."""

from __future__ import annotations

import pytest

from marketbot.cache import stream_places as module
from marketbot.cache.shared import Shared
from marketbot.cache.stream_places import PREFIX, PROCESSES, StreamPlaces
from marketbot.domain.ids import UserId
from marketbot.observability.shared_metrics import SharedUse

from .conftest import Connect
from .store import Store, until

ANA, RUI = UserId(1), UserId(2)
MOST = 3


async def taken(places: StreamPlaces, times: int, user_id: UserId = ANA) -> list[int]:
    found = [await places.take(user_id, MOST) for _ in range(times)]
    numbers = [number for number in found if number is not None]
    assert len(numbers) == times
    return numbers


async def is_full(places: StreamPlaces, user_id: UserId = ANA) -> bool:
    return await places.take(user_id, MOST) is None


async def processes(shared: Shared) -> set[bytes]:
    return set(await shared.run(SharedUse.STREAMS, lambda client: client.zrange(PROCESSES, 0, -1)))


async def test_processes_hold_the_bound_together(connect: Connect) -> None:
    shared, other = await connect(), await connect()
    one, two = StreamPlaces(shared), StreamPlaces(other)
    first, _ = await taken(one, 2)
    await taken(two, 1)
    assert await is_full(one)
    assert await is_full(two)
    await taken(two, MOST, RUI)
    one.leave(first)
    await one.go_round(shared)
    await taken(two, 1)
    assert await is_full(one)


async def test_a_page_that_is_loaded_anew_has_its_place_at_once(connect: Connect) -> None:
    places = StreamPlaces(await connect())
    for number in await taken(places, MOST):
        places.leave(number)
        places.leave(number)
        await taken(places, 1)
        assert await is_full(places)


async def test_what_a_killed_process_held_counts_no_more_once_its_lease_is_over(connect: Connect) -> None:
    shared, other = await connect(), await connect()
    killed, left = StreamPlaces(shared), StreamPlaces(other)
    await killed.go_round(shared)
    await taken(killed, MOST)
    assert await is_full(left)
    # A clock that goes on would tell the same: its lease ended a moment ago.
    ended = {killed._name: 1}
    await shared.run(SharedUse.STREAMS, lambda client: client.zadd(PROCESSES, ended))
    await taken(left, MOST)
    # It was only slow, after all: what it holds is counted again, and nobody is cut off.
    await killed.go_round(shared)
    held = await shared.run(SharedUse.STREAMS, lambda client: client.scard(f"{PREFIX}:user:{ANA}"))  # type: ignore[arg-type,return-value]
    assert held == 2 * MOST
    assert await is_full(left)
    assert await is_full(killed)


async def test_a_process_that_ends_in_order_leaves_nothing(connect: Connect) -> None:
    one, two = StreamPlaces(await connect()), StreamPlaces(await connect())
    await taken(one, MOST)
    await one.close()
    await taken(two, MOST)


async def test_a_store_that_forgot_everything_is_told_again(connect: Connect) -> None:
    shared = await connect()
    one, two = StreamPlaces(shared), StreamPlaces(await connect())
    await one.go_round(shared)
    await taken(one, MOST)
    await shared.run(SharedUse.STREAMS, lambda client: client.flushall())
    await one.go_round(shared)
    assert await is_full(two)


async def test_while_the_store_is_away_every_stream_has_a_place_and_is_told_of_later(
    connect: Connect, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOLD_AT_ONCE", 2)
    shared = await connect()
    one, two = StreamPlaces(shared), StreamPlaces(await connect())
    (before,) = await taken(one, 1)
    store.kill()
    during = await taken(one, MOST + 2)
    one.leave(before)
    store.start()
    await until(lambda: shared.up)
    await one.go_round(shared)
    held = await shared.run(SharedUse.STREAMS, lambda client: client.scard(f"{PREFIX}:user:{ANA}"))  # type: ignore[arg-type,return-value]
    assert held == len(during)
    await until(lambda: two._shared is not None and two._shared.up)
    assert await is_full(two)
    for number in during:
        one.leave(number)
    await one.go_round(shared)
    await taken(two, MOST)


async def test_more_that_ended_than_are_remembered_are_given_back_under_another_name(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENDED", 1)
    shared, other = await connect(), await connect()
    one, two = StreamPlaces(shared), StreamPlaces(other)
    await one.go_round(shared)
    numbers = await taken(one, MOST)
    former = one._name
    for number in numbers[1:]:
        one.leave(number)
    await one.go_round(shared)
    assert one._name != former
    assert await processes(shared) == {one._name.encode()}
    await taken(two, MOST - 1)
    assert await is_full(one)


async def test_nothing_is_left_of_a_user_who_comes_no_more(connect: Connect) -> None:
    shared = await connect()
    places = StreamPlaces(shared)
    await places.go_round(shared)
    (number,) = await taken(places, 1)
    life_ms = await shared.run(SharedUse.STREAMS, lambda client: client.pttl(f"{PREFIX}:user:{ANA}"))
    assert 0 < life_ms <= module.SET_LIFE_S * 1000
    places.leave(number)
    await places.go_round(shared)
    assert await shared.run(SharedUse.STREAMS, lambda client: client.keys(f"{PREFIX}:user:*")) == []


async def test_without_a_shared_store_every_stream_has_a_place() -> None:
    places = StreamPlaces(None)
    for number in await taken(places, MOST + 1):
        places.leave(number)
    await places.run()
    await places.close()
    assert repr(places).startswith("<StreamPlaces 0 held, 0 of")


def test_a_lease_outlives_some_renewals_and_a_set_every_stream() -> None:
    from marketbot.api.live_stream import AGAIN_MAX_MS, AGE_S

    assert module.LEASE_S >= 3 * (module.RENEW_EVERY_S + module.GATHER_S)
    assert module.LEASE_S * 1000 < AGAIN_MAX_MS
    assert module.SET_LIFE_S > 1.2 * AGE_S
