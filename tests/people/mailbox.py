"""A mail server on loopback that keeps what it is sent: enough of SMTP for one letter a connection, with TLS and a login where told."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

LOGIN = ("bot", "p@ss word")


@dataclass
class Mailbox:
    port: int = 0
    refuse: int | None = None
    """Answer every recipient with this."""
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    in_clear: list[bool] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: ssl.SSLContext | None) -> None:
        def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())

        say("220 mailbox.example ESMTP")
        while line := (await reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    offers = ["STARTTLS"] if start is not None else []
                    lines = ["mailbox.example", *offers, "AUTH PLAIN"]
                    say(*(f"250{' ' if each is lines[-1] else '-'}{each}" for each in lines))
                case "STARTTLS":
                    assert start is not None
                    say("220 go on")
                    await writer.start_tls(start)
                    start = None
                case "AUTH":
                    _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
                    self.logins.append((user, password))
                    say("235 welcome" if (user, password) == LOGIN else "535 no")
                case "MAIL":
                    self.in_clear.append(writer.get_extra_info("sslcontext") is None)
                    say("250 ok")
                case "RCPT":
                    self.recipients.append(rest)
                    say(f"{self.refuse} you wrote to {rest}" if self.refuse else "250 ok")
                case "DATA":
                    say("354 go on")
                    data = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                    letter = message_from_bytes(data, policy=policy.default)
                    assert isinstance(letter, EmailMessage)
                    self.letters.append(letter)
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 ok")


@asynccontextmanager
async def receiving(*, implicit: ssl.SSLContext | None = None, start: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """Run one until the block ends."""
    box = Mailbox()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
                await box.serve(reader, writer, start)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=implicit)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
