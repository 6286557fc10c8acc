"""Sends one e-mail through the installation's mail server."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import aiosmtplib
from aiosmtplib.errors import SMTPException, SMTPResponseException

from marketbot.domain.errors import MarketBotError
from marketbot.mail.server import MailServer, Tls
from marketbot.ports import Clock

TIMEOUT_S = 20.0
"""For each step of the conversation; the job that sends has a time of its own for all of them."""


class MailFailed(MarketBotError):
    """The letter was not taken. Names the host and the server's code: what it says beyond may repeat the letter."""


class Postman:
    """Speaks to one server, in a connection for each letter: letters are few."""

    def __init__(self, server: MailServer, sender: str, clock: Clock, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._clock = clock
        self._context = context or _context(server)

    def __repr__(self) -> str:
        return f"<Postman {self._server.host}:{self._server.port} {self._server.tls}>"

    async def send(self, to: str, subject: str, body: str) -> None:
        """Hand a letter over.

        Raises:
            MailFailed: it was not taken, or nobody said that it was.
        """
        server = self._server
        try:
            await aiosmtplib.send(
                self._letter(to, subject, body),
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.tls is Tls.IMPLICIT,
                start_tls=server.tls is Tls.START,
                tls_context=None if server.tls is Tls.NONE else self._context,
                timeout=TIMEOUT_S,
            )
        except SMTPResponseException as error:
            raise MailFailed(f"{server.host} answered {error.code}") from None
        except (SMTPException, OSError, ValueError) as error:
            raise MailFailed(f"{server.host}: {type(error).__name__}") from None

    def _letter(self, to: str, subject: str, body: str) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self._sender
        letter["To"] = to
        letter["Subject"] = subject
        letter["Date"] = format_datetime(self._clock.now())
        letter["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].rstrip(">"))
        # Nobody's holiday message answers it.
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(body)
        return letter


def _context(server: MailServer) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.is_loopback:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
