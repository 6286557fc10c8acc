"""The open streams of a process: finds those that a change concerns, and ends those whose token or process ends.

Changes come in two ways, both hints: notes that engines publish on the bus about orders and positions, and the NOTIFY of whatever
program changed a setting or a control. All of them are gathered while the last ones are being handed out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from marketbot.api.database import LOOKUP_TIMEOUT_S, Database
from marketbot.api.draining import Draining
from marketbot.api.live_stream import LiveStream
from marketbot.cache.events import EventBus
from marketbot.cache.live_notes import LIVE_TOPIC, Gathering, read_note, users_in
from marketbot.cache.stream_places import StreamPlaces
from marketbot.domain.ids import UserId
from marketbot.domain.live import EVERYTHING, Changed
from marketbot.intake.refused import StoreAway
from marketbot.observability.live_metrics import (
    Audience,
    Ended,
    count_ended,
    count_refused_stream,
    set_connected_users,
    set_streams,
)
from marketbot.observability.logs import logger
from marketbot.ports import Clock
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.live import tokens_holding
from marketbot.store.sessions import sessions_holding
from marketbot.store.switches import CONTROL_CHANNEL

MAX_STREAMS_A_USER = 5
"""At all processes together, and at each while the shared store is away. A page open in five windows; the sixth gets 429."""
MAX_OPERATOR_STREAMS = 50
"""Of all operators together, at one process."""
TOKEN_CHECK_S = 5.0
"""All tokens and sessions with a stream are looked up together this often, so that one revoked elsewhere hears nothing for longer."""
TELLS_AT_ONCE = 50
TELLS_PER_S = 100.0
"""Where more streams than ``TELLS_AT_ONCE`` have news together, as after a fan-out, each hears it at a moment of its own, so many a second:
whoever hears reads, and a thousand readers in one instant would leave no room for orders. So many are the most: how many a process can
serve beside its other work, and beside the other processes of its machine, shows in its requests in flight, and while those are many the
next readers wait."""
SPREAD_MAX_S = 20.0
MAX_DIGITS = 19
AGAIN_S = 1.0
"""After a loop here failed for a reason that nobody thought of."""

log = logger(__name__)


class LiveHub:
    """One a process. ``events`` of None: streams open and stay, and nothing is told. ``is_busy``: the process has requests that wait."""

    def __init__(
        self,
        events: EventBus | None,
        database: Database,
        clock: Clock,
        draining: Draining,
        places: StreamPlaces,
        is_busy: Callable[[], bool],
    ) -> None:
        self._events = events
        self._database = database
        self._clock = clock
        self._draining = draining
        self._places = places
        self._is_busy = is_busy
        self._streams: dict[UserId, set[LiveStream]] = {}
        self._operators: set[LiveStream] = set()
        self._count = 0
        self._heard = Gathering()
        self._some = asyncio.Event()
        self._look = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        if events is not None:
            events.also([CONTROL_CHANNEL, ACCOUNT_CHANNEL], self._heard_nudge)

    def __repr__(self) -> str:
        return f"<LiveHub {self._count} streams of {len(self._streams)} users, {len(self._operators)} of operators>"

    def start(self) -> None:
        loops: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self._hand_out,
            self._check_tokens,
            self._end_with_process,
            self._places.run,
        ]
        if self._events is not None:
            loops.append(self._listen)
        self._tasks = [asyncio.create_task(self._keep(loop), name=f"live {loop.__name__}") for loop in loops]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end_all(Ended.DRAINING)
        await self._places.close()

    async def admit(self, user_id: UserId, token_id: int | None, hears: int, session_id: int | None = None) -> LiveStream | None:
        """Return a new stream of a user; None when they have as many as allowed, here or at all processes together."""
        if not self._has_room(user_id):
            return None
        place = await self._places.take(user_id, MAX_STREAMS_A_USER)
        if place is None:
            count_refused_stream()
            return None
        stream = self.open(user_id, token_id, hears, session_id)
        if stream is None:
            self._places.leave(place)
        else:
            stream.place = place
        return stream

    def open(self, user_id: UserId | None, token_id: int | None, hears: int, session_id: int | None = None) -> LiveStream | None:
        """Return a new stream of a user, or of an operator (None); None when its owner has as many as allowed here."""
        if not self._has_room(user_id):
            return None
        group = self._operators if user_id is None else self._streams.get(user_id, set())
        stream = LiveStream(user_id, token_id, hears, self._clock, session_id)
        if user_id is not None:
            self._streams[user_id] = group
            self._count += 1
        group.add(stream)
        self._show()
        if self._draining.begun.is_set():
            stream.end(Ended.DRAINING)
        return stream

    def leave(self, stream: LiveStream) -> None:
        """Forget a stream; why it ended is the first reason that it was given."""
        stream.end(Ended.CALLER)
        if stream.place is not None:
            self._places.leave(stream.place)
        if stream.user_id is None:
            self._operators.discard(stream)
        else:
            group = self._streams[stream.user_id]
            group.discard(stream)
            self._count -= 1
            if not group:
                del self._streams[stream.user_id]
        assert stream.ended is not None
        count_ended(stream.ended)
        self._show()

    def look_at_tokens(self) -> None:
        """Look now: a token or session was revoked here, or somebody shut out."""
        self._look.set()

    def _has_room(self, user_id: UserId | None) -> bool:
        """Tell whether this process takes one more stream of a user or operator; one that it does not is counted."""
        open_now = len(self._operators if user_id is None else self._streams.get(user_id, ()))
        room = open_now < (MAX_OPERATOR_STREAMS if user_id is None else MAX_STREAMS_A_USER)
        if not room:
            count_refused_stream()
        return room

    def _show(self) -> None:
        set_connected_users(len(self._streams))
        set_streams(Audience.USER, self._count)
        set_streams(Audience.OPERATOR, len(self._operators))

    def _all(self) -> list[LiveStream]:
        return [*self._operators, *(stream for group in self._streams.values() for stream in group)]

    def _end_all(self, reason: Ended) -> None:
        for stream in self._all():
            stream.end(reason)

    async def _end_with_process(self) -> None:
        await self._draining.begun.wait()
        self._end_all(Ended.DRAINING)

    async def _keep(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a loop, and again when something broke it: streams that say they live and tell nothing would be worse than none."""
        while True:
            try:
                return await loop()
            except Exception as error:
                log.error("live_loop_failed", loop=loop.__name__, exc_info=error)
                self._heard_anything()
                await asyncio.sleep(AGAIN_S)

    # Hearing

    async def _listen(self) -> None:
        assert self._events is not None
        subscription = self._events.subscribe([LIVE_TOPIC])
        dropped = 0
        try:
            async for event in subscription:
                note = None if event.payload is None else read_note(event.payload)
                if event.payload is None or subscription.dropped > dropped:
                    dropped = subscription.dropped
                    self._heard_anything()
                if note is not None:
                    self._heard.add(users_in(note), everyone=note.everyone, operators=note.operators, signals=note.signals)
                self._some.set()
        finally:
            subscription.close()

    def _heard_anything(self) -> None:
        """Something may have been missed: everybody looks."""
        self._heard.add((), everyone=int(EVERYTHING), operators=int(EVERYTHING))
        self._some.set()

    def _heard_nudge(self, channel: str, payload: str) -> None:
        """Take what a program said that changed a setting or a control: the user whom it concerns, or nobody in particular."""
        changed = int(Changed.CONTROLS if channel == CONTROL_CHANNEL else Changed.ACCOUNTS)
        if payload.isascii() and payload.isdigit() and len(payload) <= MAX_DIGITS:
            self._heard.add([(int(payload), changed)], operators=changed)
        else:
            # Accounts that were imported tell their owners when they are connected.
            self._heard.add((), everyone=changed & int(Changed.CONTROLS), operators=changed)
        self._some.set()

    # Telling

    async def _hand_out(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            heard, self._heard = self._heard, Gathering()
            try:
                await self._database.reads.saw_changes(None if heard.everyone else heard.users)
            except StoreAway:
                log.debug("live_changes_without_store")
            concerned = {user_id: changed | heard.everyone for user_id, changed in heard.users.items()}
            if heard.everyone:
                concerned = dict.fromkeys(self._streams, heard.everyone) | concerned
            self._tell(
                [(stream, changed) for user_id, changed in concerned.items() for stream in self._streams.get(UserId(user_id), ())]
            )
            for stream in self._operators:
                stream.tell(heard.operators | heard.everyone, heard.signals)

    def _tell(self, news: list[tuple[LiveStream, int]]) -> None:
        waiting = len(news) + sum(stream.waits for group in self._streams.values() for stream in group)
        if waiting <= TELLS_AT_ONCE:
            for stream, changed in news:
                stream.tell(changed)
            return
        within_s = min(SPREAD_MAX_S, waiting / TELLS_PER_S)
        for stream, changed in news:
            stream.tell_within(within_s, changed, SPREAD_MAX_S, self._is_busy)

    async def _check_tokens(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TOKEN_CHECK_S):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            streams = [stream for stream in self._all() if stream.token_id is not None or stream.session_id is not None]
            if not streams:
                continue
            tokens = list({stream.token_id for stream in streams if stream.token_id is not None})
            sessions = list({stream.session_id for stream in streams if stream.session_id is not None})
            try:
                async with self._database.connection(LOOKUP_TIMEOUT_S) as connection:
                    held_tokens = await tokens_holding(connection, tokens) if tokens else set()
                    held_sessions = await sessions_holding(connection, sessions) if sessions else set()
            except StoreAway:
                continue  # nobody can revoke anything meanwhile, nor does anything change that a stream would tell
            for stream in streams:
                if stream.token_id is not None and stream.token_id not in held_tokens:
                    stream.end(Ended.TOKEN)
                if stream.session_id is not None and stream.session_id not in held_sessions:
                    stream.end(Ended.SESSION)
