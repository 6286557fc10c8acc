"""Streams of live events: whom they tell what, once, wherever they are open; and how they end."""

from __future__ import annotations

import asyncio

import pytest
import redis
from tests.api.conftest import until
from tests.cache.store import Store
from tests.users.crowd import give_token

from marketbot.api import identity, live_hub, live_stream
from marketbot.api.shedding import CALM_MAX, Room
from marketbot.cache import events as bus_module
from marketbot.cache import shared as shared_module
from marketbot.cache import stream_places
from marketbot.cache.stream_places import PREFIX, PROCESSES
from marketbot.controls.halt import halt
from marketbot.domain.ids import UserId
from marketbot.domain.live import EVERYTHING, Changed, names
from marketbot.domain.load import LoadClass
from marketbot.domain.scope import Scope
from marketbot.domain.trading_state import Scope as SwitchScope
from marketbot.observability import live_metrics, metrics
from marketbot.store.switches import PostgresSwitchboard

from .conftest import Install
from .reader import changed_of, reading, refused

ORDERS = Changed.ORDERS
OPERATOR = "/v1/operator/events"


async def test_what_an_engine_did_reaches_its_users_streams_at_every_instance_once(install: Install) -> None:
    made = await install()
    one, other = made.instances
    async with (
        reading(one.port, made.ana) as here,
        reading(other.port, made.ana) as there,
        reading(other.port, made.rui) as hers,
        reading(one.port, made.operator, path=OPERATOR) as over_all,
    ):
        for stream in (here, there, hers, over_all):
            await stream.reset()
        made.engine([1], ORDERS | Changed.SIGNALS, [7])
        await made.engine.tell()
        for stream in (here, there):
            message = await stream.next()
            assert message is not None
            assert message.changed == ["signals", "orders"]
            assert set(message.data) == {"changed"}
        told = await over_all.next()
        assert told is not None
        assert told.data == {"changed": ["signals", "orders"], "signals": [7]}
        # The next thing that each hears is the next thing that concerns it: nothing came twice, and nothing of hers to anybody else.
        made.engine([2], Changed.POSITIONS)
        await made.engine.tell()
        assert await changed_of(hers) == await changed_of(over_all) == ["positions"]
        made.engine([1], Changed.ACCOUNTS)
        await made.engine.tell()
        assert await changed_of(here) == await changed_of(there) == ["accounts"]
        assert await changed_of(over_all) == ["accounts"]


async def test_without_the_shared_store_they_go_by_the_database(
    install: Install, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "OVERLAP_S", 0.0)
    made = await install(redis_url=store.url)
    async with reading(made.instances[1].port, made.ana) as stream:
        await stream.reset()
        made.engine([1], ORDERS)
        await made.engine.tell()
        assert await changed_of(stream) == ["orders"]
        store.kill()
        made.engine([1], Changed.POSITIONS)
        await made.engine.tell()
        assert await changed_of(stream) == ["positions"]


async def test_settings_and_controls_tell_whom_they_concern(install: Install) -> None:
    made = await install()
    one, other = made.instances
    async with reading(other.port, made.ana) as ana, reading(other.port, made.rui) as rui:
        await ana.reset()
        await rui.reset()
        changed = await one.api.send(
            "PATCH",
            "/v1/accounts/1/settings",
            b'{"paused":true}',
            content_type="application/json",
            authorization=f"Bearer {made.ana}",
        )
        assert changed.json["changed"] is True
        assert await changed_of(ana) == ["accounts"]
        async with made.pool.acquire() as connection:
            for scope, key in ((SwitchScope.ACCOUNT, "3"), (SwitchScope.USER, "1")):
                async with connection.transaction():
                    await PostgresSwitchboard(connection).clear(scope, key)  # type: ignore[arg-type]
                assert await changed_of(ana) == ["controls"]
            async with connection.transaction():
                await halt(PostgresSwitchboard(connection), SwitchScope.EVERYTHING, reason="a test")  # type: ignore[arg-type]
        assert await changed_of(ana) == ["controls"]
        # It is the first thing that the other user hears.
        assert await changed_of(rui) == ["controls"]


async def test_a_reader_resumes_at_another_instance_from_the_rows(install: Install) -> None:
    made = await install()
    one, other = made.instances
    # What the crowd began with was written just now; a minute on, it is old.
    await made.pool.execute("UPDATE position SET changed_at = now() - interval '1 hour'")
    await made.pool.execute("UPDATE account SET changed_at = now() - interval '1 hour'")
    await made.pool.execute("UPDATE leverage_setting SET set_at = now() - interval '1 hour'")
    async with reading(one.port, made.ana) as stream:
        await stream.reset()
    assert stream.last_id.isdigit()
    # While nobody listens, and without a word on the bus.
    await made.pool.execute("UPDATE position SET changed_at = clock_timestamp() WHERE account_id = 1 AND symbol = 'BTCUSDT'")
    await made.pool.execute("UPDATE account SET changed_at = clock_timestamp() WHERE account_id = 2")
    for port, token, expected in (
        (other.port, made.ana, ["orders", "positions", "controls"]),
        (one.port, made.rui, ["accounts", "controls"]),
    ):
        async with reading(port, token, last_id=stream.last_id) as again:
            assert await changed_of(again) == expected
            assert int(again.last_id) > int(stream.last_id)


@pytest.mark.parametrize("last_id", ["1", "9" * 17, "9" * 18, "9" * 40, "nonsense", "-5", "1e9", "٣"])
async def test_who_was_away_too_long_or_shows_nonsense_reads_everything(install: Install, last_id: str) -> None:
    made = await install(instances=1)
    async with reading(made.instances[0].port, made.ana, last_id=last_id) as stream:
        await stream.reset()


async def test_many_changes_become_few_messages(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "GAP_S", 3_600.0)
    made = await install(instances=1)
    sent_before = sent()
    async with reading(made.instances[0].port, made.ana) as stream:
        await stream.reset()
        for changed in (ORDERS, Changed.POSITIONS, ORDERS, Changed.SIGNALS) * 25:
            made.engine([1], changed)
            await made.engine.tell()
        (live,) = made.instances[0].hub._all()
        await until(lambda: live._owed == int(ORDERS | Changed.POSITIONS | Changed.SIGNALS))
        assert sent() == sent_before + 1  # the first reset
        monkeypatch.setattr(live_stream, "GAP_S", 0.0)
        live._not_before = 0.0
        live._wake.set()
        assert await changed_of(stream) == ["signals", "orders", "positions"]
        assert sent() == sent_before + 2


def sent() -> float:
    return sum(live_metrics._sent[told]._value.get() for told in (live_metrics.Told.CHANGED, live_metrics.Told.RESET))


async def test_a_quiet_stream_shows_that_it_lives_and_moves_its_id(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "SIGN_OF_LIFE_S", 0.01)
    made = await install(instances=1)
    async with reading(made.instances[0].port, made.ana) as stream:
        await stream.reset()
        first = stream.last_id
        heard = asyncio.create_task(stream.next())
        await until(lambda: stream.signs_of_life >= 3)
        assert int(stream.last_id) > int(first)
        assert not heard.done()
        heard.cancel()


async def test_a_token_hears_only_what_it_may_read(install: Install) -> None:
    made = await install(instances=1)
    port = made.instances[0].port
    async with made.pool.acquire() as connection:
        narrow = await give_token(connection, 1, frozenset({Scope.ORDERS_READ}))  # type: ignore[arg-type]
        other = await give_token(connection, 1, frozenset({Scope.ACCOUNTS_READ}))  # type: ignore[arg-type]
    for token, path in ((other.text, "/v1/events"), (made.operator, "/v1/events"), (made.ana, OPERATOR)):
        answer = await refused(port, token, path=path)
        assert (answer.status, answer.json["reason"]) == (403, "SCOPE_MISSING")
    async with reading(port, narrow.text) as stream:
        await stream.reset()
        made.engine([1], Changed.ACCOUNTS)
        made.engine([1], ORDERS)
        await made.engine.tell()
        assert await changed_of(stream) == ["orders"]


async def test_streams_of_one_user_are_bounded(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "MAX_STREAMS_A_USER", 2)
    monkeypatch.setattr(live_hub, "MAX_OPERATOR_STREAMS", 1)
    made = await install(instances=1)
    port = made.instances[0].port
    async with reading(port, made.ana) as first, reading(port, made.rui), reading(port, made.operator, path=OPERATOR):
        async with reading(port, made.ana):
            answer = await refused(port, made.ana)
            assert (answer.status, answer.json["reason"]) == (429, "STREAM_LIMIT_REACHED")
            assert int(answer.headers["retry-after"]) > 0
            assert (await refused(port, made.operator, path=OPERATOR)).status == 429
            shown = metrics.render().decode()
            assert "marketbot_connected_users 2.0" in shown
            assert 'marketbot_live_streams{audience="user"} 3.0' in shown
        # The second one is closed, and its place is free.
        await until(lambda: made.instances[0].hub._count == 2)
        async with reading(port, made.ana) as third:
            await third.reset()
        await first.reset()
    await until(lambda: "marketbot_connected_users 0.0" in metrics.render().decode())


def counted(store: Store, user_id: int) -> int:
    """Return how many streams of a user the store counts: those of processes that live."""
    with redis.Redis.from_url(store.url) as client:
        names = set(client.zrange(PROCESSES, 0, -1))
        return sum(member.split(b":")[0] in names for member in client.smembers(f"{PREFIX}:user:{user_id}"))


async def test_streams_of_one_user_are_bounded_over_all_instances_while_the_shared_store_is_there(
    install: Install, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "MAX_STREAMS_A_USER", 2)
    # The patience of a slow machine: a store that answers late counts as away, and a process that says nothing for a while as dead.
    for name in ("CONNECT_TIMEOUT_S", "OPERATION_TIMEOUT_S"):
        monkeypatch.setattr(shared_module, name, 10.0)
    monkeypatch.setattr(stream_places, "LEASE_S", 60.0)
    made = await install(redis_url=store.url)
    one, other = made.instances
    async with reading(one.port, made.ana), reading(other.port, made.rui):
        async with reading(other.port, made.ana):
            for instance in made.instances:
                answer = await refused(instance.port, made.ana)
                assert (answer.status, answer.json["reason"]) == (429, "STREAM_LIMIT_REACHED")
                assert instance.hub._count <= 2
        # The place that is free now is free everywhere as soon as that is told.
        await until(lambda: counted(store, 1) == 1)
        async with reading(one.port, made.ana):
            assert (await refused(other.port, made.ana)).status == 429
            # Without the store each counts its own again.
            store.kill()
            async with reading(other.port, made.ana) as more:
                await more.reset()
            assert (await refused(one.port, made.ana)).status == 429


async def test_a_way_that_was_lost_has_everybody_look(install: Install) -> None:
    made = await install(instances=1)
    async with reading(made.instances[0].port, made.ana) as stream:
        await stream.reset()
        cut = await made.pool.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE '%events%'"
        )
        assert cut == 1
        heard = set[str]()
        while heard < set(names(EVERYTHING)):
            heard.update(await changed_of(stream))


async def test_streams_are_open_while_the_database_is_asked_for_nothing(install: Install) -> None:
    """A look-up a stream and check would be a thousand a second for five thousand streams: all of them are one."""
    made = await install(instances=1)
    asked = []
    hub = made.instances[0].hub
    database = hub._database
    lent = database.connection

    def counted(timeout_s: float = 1.0):  # type: ignore[no-untyped-def]
        asked.append(timeout_s)
        return lent(timeout_s)

    async with reading(made.instances[0].port, made.ana), reading(made.instances[0].port, made.rui):
        database.connection = counted  # type: ignore[method-assign]
        hub.look_at_tokens()
        await until(lambda: asked)
        await until(lambda: not hub._look.is_set())
        assert len(asked) == 1


async def test_a_failure_that_nobody_thought_of_has_everybody_look(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "AGAIN_S", 0.0)
    made = await install(instances=1)
    hub = made.instances[0].hub
    saw_changes = hub._database.reads.saw_changes

    async def broken(_users: object) -> None:
        hub._database.reads.saw_changes = saw_changes  # type: ignore[method-assign]
        raise ZeroDivisionError

    async with reading(made.instances[0].port, made.ana) as stream:
        await stream.reset()
        hub._database.reads.saw_changes = broken  # type: ignore[method-assign]
        made.engine([1], ORDERS)
        await made.engine.tell()
        assert await changed_of(stream) == names(EVERYTHING)
        made.engine([1], ORDERS)
        await made.engine.tell()
        assert await changed_of(stream) == ["orders"]


async def test_many_who_have_news_together_hear_it_one_after_the_other(install: Install) -> None:
    hub = (await install(instances=1)).instances[0].hub
    opened = [hub.open(UserId(number), None, int(EVERYTHING)) for number in range(1, live_hub.TELLS_AT_ONCE + 2)]
    streams = [stream for stream in opened if stream is not None]
    few, news = streams[:-1], int(Changed.ORDERS)
    hub._tell([(stream, news) for stream in few])
    assert all(stream._owed == news and not stream.waits for stream in few)
    for stream in few:
        stream._message()
    hub._tell([(stream, news) for stream in streams])
    assert all(stream.waits and not stream._owed for stream in streams)
    one = streams[0]
    hub._tell([(one, int(Changed.POSITIONS))])
    assert one._later == news | int(Changed.POSITIONS), "who waits anyway hears all of it together"
    await until(lambda: not any(stream.waits for stream in streams))
    assert all(stream._owed for stream in streams)


async def test_readers_wait_while_the_process_is_busy(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "BUSY_WAIT_S", 0.01)
    made = (await install(instances=1)).instances[0]
    hub, news, asked = made.hub, int(Changed.ORDERS), 0
    one = hub.open(UserId(1), None, int(EVERYTHING))
    assert one is not None

    def is_busy() -> bool:
        nonlocal asked
        asked += 1
        return asked <= 5

    one.tell_within(0.0, news, live_hub.SPREAD_MAX_S, is_busy)
    await until(lambda: asked == 6)
    assert one._owed == news
    assert not one.waits
    # It is the requests in flight that count, and nobody waits for ever.
    room = Room(100)
    for busy in (False, True):
        for _ in range(CALM_MAX):
            room.enter(LoadClass.READ)
        assert room.is_busy is busy
    one._message()
    one.tell_within(0.0, news, 0.05, lambda: True)
    await until(lambda: one._owed == news)


def test_the_bounds_are_those_that_were_promised() -> None:
    assert 1 / live_stream.GAP_S <= 2
    assert live_stream.SIGN_OF_LIFE_S <= 15
    assert live_hub.TOKEN_CHECK_S <= identity.TOKEN_AGE_S
    assert live_stream.OVERLAP.total_seconds() > live_hub.SPREAD_MAX_S + live_stream.GAP_S
