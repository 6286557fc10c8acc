"""The client for programs that wait for each answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import TypeVar

import httpx

from marketbot_client.call import Call, PagedCall, StreamCall
from marketbot_client.connection import Settings, of_stream, unreachable
from marketbot_client.problem import ApiProblem, MarketBotError
from marketbot_client.retries import wait_before_retry_s
from marketbot_client.stream import Event, StreamReader
from marketbot_client.wire import Answer, problem_of, read_answer, request_of

T = TypeVar("T")
Row = TypeVar("Row")


class Client:
    """Sends calls::

    with Client("https://bot.example.com", token="mbu_...") as bot:
        for position in bot.each(trades.list_positions()):
            print(position.symbol, position.qty, position.stop_price)
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        language: str = "en",
        timeout_s: float = 10.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = Settings(base_url, token, language, timeout_s)
        self._http = httpx.Client(transport=transport, **self._settings.of_httpx())
        self._stream_timeout = self._settings.stream_timeout()
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"<Client of {self._settings.base_url}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def do(self, call: Call[T]) -> T:
        """Send a call and return its answer; what may safely be sent again is, a few times.

        Raises:
            ApiProblem: the server refused.
            Unreachable: no answer came.
            AnswerUnreadable: what came is no answer of the API.
        """
        attempts = 0
        while True:
            attempts += 1
            try:
                return read_answer(call, self._send(call))
            except MarketBotError as error:
                wait_s = wait_before_retry_s(call, error, attempts, random.random())  # noqa: S311 - no secret
                if wait_s is None:
                    raise
                self._sleep(wait_s)

    def each(self, call: PagedCall[T, Row]) -> Iterator[Row]:
        """Walk a list from the page that is asked for to its end, a request a page."""
        while True:
            page = self.do(call)
            yield from getattr(page, call.rows)
            following = getattr(page, call.following)
            if following is None:
                return
            call = replace(call, query={**call.query, "after": following})

    def follow(self, stream: StreamCall, last_event_id: str = "") -> Iterator[Event]:
        """Yield what changes, for ever: a stream that ends is taken up again where it was.

        Raises:
            ApiProblem: the server refuses the stream, and waiting does not help.
        """
        reader = StreamReader(last_event_id)
        attempts = 0
        while True:
            try:
                with self._http.stream("GET", stream.path, headers=of_stream(reader), timeout=self._stream_timeout) as response:
                    if response.status_code != 200:
                        raise problem_of(Answer(response.status_code, response.headers, response.read()))
                    for line in response.iter_lines():
                        attempts = 0
                        event = reader.feed(line)
                        if event is not None:
                            yield event
            except httpx.TransportError:
                pass
            except ApiProblem as problem:
                attempts += 1
                wait_s = wait_before_retry_s(Call("GET", stream.path, {}), problem, attempts, random.random())  # noqa: S311
                if wait_s is None:
                    raise
                self._sleep(wait_s)
                continue
            reader.restart()
            self._sleep(reader.retry_s)

    def _send(self, call: Call[T]) -> Answer:
        request = request_of(call)
        try:
            response = self._http.request(
                request.method, request.path, params=request.query, headers=request.headers, content=request.body
            )
        except httpx.TransportError as error:
            raise unreachable(error) from None
        return Answer(response.status_code, response.headers, response.content)
