"""Live events between instances: what one process says, the subscribers of all processes hear, once.

Fulfils ``ports.Events``. A streaming endpoint uses it like this::

    subscription = events.subscribe([f"user:{user_id}"])
    try:
        async for event in subscription:
            ...  # event.payload, or read the rows anew when it is None
    finally:
        subscription.close()

Two ways lead to every process, and each listens on both all the time: a channel of the shared store, and NOTIFY of Postgres for
while the store is away. A publisher takes the store while it answers. For a while after the store came back it takes both, since others
may not have found it again yet; what arrives twice is given out once.

Events are hints, never the truth: one may be lost (both stores away, a reader too slow), and is then counted. A subscriber that
must know reads the rows when it begins, when ``Subscription.dropped`` has grown, and at an event without a payload: one such is
given to every subscriber when a way is heard on again after it was lost, since something may have been said meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from marketbot.cache.shared import Shared, SharedStoreAway, open_redis, redis_error
from marketbot.domain.errors import MarketBotError
from marketbot.observability.logs import logger
from marketbot.observability.shared_metrics import SharedUse, count_events_dropped
from marketbot.ports import Event
from marketbot.store.listen import Line
from marketbot.store.pool import is_unavailable

CHANNEL = "mb:events"
NOTIFY_CHANNEL = "live_event"
MAX_NOTIFY_BYTES = 7_999
"""What Postgres takes (https://www.postgresql.org/docs/current/sql-notify.html). A larger event goes without its payload."""
MAX_PAYLOAD_BYTES = 64 * 1024
MAX_QUEUED = 256
"""Events that wait for one subscriber; the oldest is dropped for the next."""
MAX_SUBSCRIPTIONS = 10_000
MAX_SEEN = 8_192
"""Events whose id is remembered, to give out once what comes twice."""
OVERLAP_S = 5.0
"""How long both ways are used after the shared store came (back): longer than any listener takes to find it."""
RESUBSCRIBE_S = 0.5
READ_S = 1.0
SILENCE_S = 5.0
"""A channel that says nothing for this long is asked whether it still lives."""
ID_BYTES = 9

Notify = Callable[[str, str], Awaitable[None]]
"""NOTIFY on a channel. Raises whatever the database raises."""

log = logger(__name__)


class TooManySubscriptions(MarketBotError):
    """This process has as many subscribers as it takes."""


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    id: bytes
    topic: str
    payload: bytes | None


class Subscription:
    """What one subscriber has not read yet. Iterate over it in one task, and close it in the end."""

    def __init__(self, topics: Iterable[str], forget: Callable[[Subscription], None]) -> None:
        self.topics = frozenset(topics)
        self.dropped = 0
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._forget = forget
        self._closed = False

    def __repr__(self) -> str:
        return f"<Subscription {len(self._waiting)} of {MAX_QUEUED} waiting, {self.dropped} dropped>"

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def put(self, event: Event) -> None:
        if len(self._waiting) >= MAX_QUEUED:
            self._waiting.popleft()
            self.dropped += 1
            count_events_dropped(1)
        self._waiting.append(event)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration, also one that waits now. Idempotent."""
        self._closed = True
        self._arrived.set()
        self._forget(self)


class EventBus:
    """One process's end of the bus.

    Args:
        notify: how to NOTIFY; the pool is the caller's.
        dsn: where to LISTEN: a direct connection of its own.
        shared: the shared store, when there is one.
    """

    def __init__(self, notify: Notify, dsn: str, shared: Shared | None = None) -> None:
        self._notify = notify
        self._shared = shared
        self._line = Line(dsn, name="events")
        self._line.listener([NOTIFY_CHANNEL], on_payload=self._heard_notify)
        self._of_topic: dict[str, set[Subscription]] = {}
        self._subscriptions = 0
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._reader: asyncio.Task[None] | None = None
        self.on_channel = asyncio.Event()
        """Set while the shared store's channel is subscribed to."""

    def __repr__(self) -> str:
        return f"<EventBus {self._subscriptions} of {MAX_SUBSCRIPTIONS} subscriptions, {self._line!r}>"

    @property
    def listening(self) -> asyncio.Event:
        """Return an event that is set while NOTIFY is heard."""
        return self._line.connected

    def start(self) -> None:
        """Listen in the background; a store that is away is no error, only silence."""
        self._line.start()
        if self._shared is not None and self._reader is None:
            self._reader = asyncio.create_task(self._read_channel(self._shared), name="events channel")

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
            self._reader = None
        await self._line.close()
        for subscription in {each for group in self._of_topic.values() for each in group}:
            subscription.close()

    def subscribe(self, topics: Iterable[str]) -> Subscription:
        """Hear of these topics from now on.

        Raises:
            TooManySubscriptions: the process is full.
        """
        if self._subscriptions >= MAX_SUBSCRIPTIONS:
            raise TooManySubscriptions("no more live streams can be opened here")
        subscription = Subscription(topics, self._unsubscribe)
        for topic in subscription.topics:
            self._of_topic.setdefault(topic, set()).add(subscription)
        self._subscriptions += 1
        return subscription

    async def publish(self, topic: str, payload: bytes) -> None:
        """Tell all subscribers of a topic, in this process at once. Never raises for a store that is away."""
        kept = payload if len(payload) <= MAX_PAYLOAD_BYTES else None
        envelope = _Envelope(secrets.token_bytes(ID_BYTES), topic, kept)
        self._give_out(envelope)
        on_channel = self._shared is not None and await self._publish_on_channel(self._shared, envelope)
        settled = self._shared is not None and self._shared.up_for_s > OVERLAP_S
        if on_channel and settled:
            return
        if not await self._publish_by_notify(envelope) and not on_channel:
            count_events_dropped(1)

    async def _publish_on_channel(self, shared: Shared, envelope: _Envelope) -> bool:
        try:
            await shared.run(SharedUse.EVENTS, lambda client: client.publish(CHANNEL, msgspec.msgpack.encode(envelope)))
        except SharedStoreAway:
            return False
        return True

    async def _publish_by_notify(self, envelope: _Envelope) -> bool:
        text = msgspec.json.encode(envelope)
        if len(text) > MAX_NOTIFY_BYTES:
            text = msgspec.json.encode(_Envelope(envelope.id, envelope.topic, None))
        try:
            await self._notify(NOTIFY_CHANNEL, text.decode())
        except Exception as error:
            if not (isinstance(error, MarketBotError) or is_unavailable(error)):
                raise
            return False
        return True

    def _give_out(self, envelope: _Envelope) -> None:
        if envelope.id in self._seen:
            return
        if len(self._seen) >= MAX_SEEN:
            self._seen.popitem(last=False)
        self._seen[envelope.id] = None
        for subscription in self._of_topic.get(envelope.topic, ()):
            subscription.put(Event(envelope.topic, envelope.payload))

    def _unsubscribe(self, subscription: Subscription) -> None:
        found = False
        for topic in subscription.topics:
            group = self._of_topic.get(topic, set())
            found = found or subscription in group
            group.discard(subscription)
            if not group:
                self._of_topic.pop(topic, None)
        self._subscriptions -= found

    def also(self, channels: Iterable[str], on_payload: Callable[[str, str], None]) -> None:
        """Hear other NOTIFY channels on the same connection, nudges without a payload too. Before ``start``."""
        self._line.listener(channels, on_payload=on_payload)

    def _heard_anew(self) -> None:
        """Have every subscriber look: a way was away."""
        for topic, group in self._of_topic.items():
            for subscription in group:
                subscription.put(Event(topic, None))

    def _heard_notify(self, _channel: str, payload: str) -> None:
        if not payload:  # the line is up (again)
            self._heard_anew()
            return
        with contextlib.suppress(msgspec.MsgspecError):
            self._give_out(msgspec.json.decode(payload, type=_Envelope))

    async def _read_channel(self, shared: Shared) -> None:
        """Follow the shared store's channel, across its restarts."""
        while True:
            try:
                await self._follow(shared)
            except (redis_error(), OSError, TimeoutError) as error:
                log.debug("events_channel_lost", error=type(error).__name__)
            finally:
                self.on_channel.clear()
            # Jitter, or all processes come back to a restarted store in the same instant.
            await asyncio.sleep(RESUBSCRIBE_S * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret

    async def _follow(self, shared: Shared) -> None:
        client = open_redis(shared.url, connections=1)
        try:
            async with client.pubsub() as channel:
                async with asyncio.timeout(SILENCE_S):
                    await channel.subscribe(CHANNEL)
                loop = asyncio.get_running_loop()
                heard_s, asked = loop.time(), False
                while True:
                    message: dict[str, Any] | None = await channel.get_message(timeout=READ_S)
                    if message is not None:
                        heard_s, asked = loop.time(), False
                        self._heard_channel(message)
                    elif loop.time() - heard_s > SILENCE_S:
                        if asked:
                            return
                        async with asyncio.timeout(SILENCE_S):
                            await channel.ping()
                        heard_s, asked = loop.time(), True
        finally:
            await client.aclose()

    def _heard_channel(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self.on_channel.set()
            self._heard_anew()
        elif message["type"] == "message":
            with contextlib.suppress(msgspec.MsgspecError):
                self._give_out(msgspec.msgpack.decode(message["data"], type=_Envelope))
