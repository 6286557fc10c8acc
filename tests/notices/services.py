"""Stand-ins for Telegram, Discord and Slack: one real server on loopback that keeps what it was said, and answers what it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

PATIENCE_S = 30.0
BOT_TOKEN = "123456:a-secret-of-the-bot-in-these-tests"


@dataclass
class Services:
    """``answers`` are given once each, in their order; then everything is taken. Updates are handed out once they are there."""

    port: int = 0
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    asked_from: list[int] = field(default_factory=list)
    got: asyncio.Queue[tuple[str, dict[str, Any]]] = field(default_factory=asyncio.Queue)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def telegram(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def discord(self) -> str:
        return f"https://localhost:{self.port}/api/webhooks/1234567890/a-secret-of-discord"

    @property
    def slack(self) -> str:
        return f"https://localhost:{self.port}/services/T0/B0/asecretofslack"

    async def one(self) -> tuple[str, dict[str, Any]]:
        """Return path and document of the next message."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.got.get()

    def say(self, text: str, chat_id: int = 42, *, kind: str = "private") -> None:
        """Say something to the bot."""
        number = 1_000 + len(self.updates)
        chat = {"id": chat_id, "type": kind, "first_name": "Ana <b>"}
        self.updates.append({"update_id": number, "message": {"message_id": 1, "chat": chat, "text": text}})
        self.news.set()

    async def answer(self, path: str, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path.endswith("/getUpdates"):
            self.asked_from.append(document["offset"])
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self.news.wait()
            self.news.clear()
            return 200, {"ok": True, "result": [each for each in self.updates if each["update_id"] >= document["offset"]]}
        await self.got.put((path, document))
        return self.answers.pop(0) if self.answers else (200, {"ok": True, "result": {}})


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[Services]:
    services = Services()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            document = orjson.loads(await reader.readexactly(int(headers["content-length"])))
            status, answer = await services.answer(head[0].split(" ")[1], document)
            body = orjson.dumps(answer)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    services.port = server.sockets[0].getsockname()[1]
    async with server:
        yield services
