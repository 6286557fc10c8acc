"""``signal send``: post a body to the service's webhook as its source would, through the same door as everybody else."""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.http import Answer, request
from marketbot.cli.output import Output
from marketbot.cli.signals import read_summary, tell_summary
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.domain.errors import MarketBotError
from marketbot.domain.signal import SignalState
from marketbot.settings import Settings
from marketbot.store.signals import SignalSummary
from marketbot.store.sources import source_aad
from marketbot.supervisor.endpoints import Endpoints
from marketbot.vault.vault import Vault

SETTLE_WAIT_S = 180.0
SETTLE_POLL_S = 0.2
BODY_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SendOptions:
    source: str
    body: str | None
    file: Path | None
    secret: str | None = field(repr=False)
    url: str | None
    wait: bool


async def send_signal(output: Output, settings: Settings, options: SendOptions) -> None:
    """Post one body; with ``wait``, stay until its accounts' work is over."""
    body = await asyncio.to_thread(_read_body, options)
    url = options.url or _service_url(settings)
    async with open_store(settings) as store:
        output.mark(store.profile)
        address, headers = await _addressed(store, options, url, body)
        answer = await _post(address, body, headers)
        summary = await _settled(output, store, answer.document["signal_id"]) if options.wait else None
    document = dict(answer.document) | ({} if summary is None else {"signal": asdict(summary)})
    output.show(document, lambda console: _tell(console, answer, summary))


def _read_body(options: SendOptions) -> bytes:
    if (options.body is None) == (options.file is None):
        raise CommandFailed(FailureReason.USAGE, "Give the body, or --file, and not both.", exit_code=EXIT_USAGE)
    if options.file is not None:
        try:
            return options.file.read_bytes()
        except OSError as error:
            raise CommandFailed(FailureReason.FILE_INVALID, f"{options.file} cannot be read: {error.strerror}.") from error
    if options.body == "-":
        return sys.stdin.buffer.read(BODY_BYTES_MAX)
    return (options.body or "").encode()


def _service_url(settings: Settings) -> str:
    endpoints = Endpoints.read(settings.data_dir)
    return f"http://{settings.api_host}:{settings.api_port}" if endpoints is None else endpoints.api_url


async def _addressed(store: StoreSession, options: SendOptions, url: str, body: bytes) -> tuple[str, dict[str, str]]:
    """Return where to post and with which headers. A program's key is opened from the vault; a webhook's secret cannot be."""
    row = await store.connection.fetchrow("SELECT kind, sealed_hmac_key FROM source WHERE name = $1", options.source)
    if row is None:
        raise CommandFailed(FailureReason.NOT_FOUND, f"There is no source named {options.source}.")
    address = f"{url.rstrip('/')}/v1/webhook/{options.source}"
    if row["kind"] == "webhook":
        if not options.secret:
            raise CommandFailed(
                FailureReason.SECRET_MISSING,
                "A webhook's secret is stored as a digest only: give it as MARKETBOT_SOURCE_SECRET (or --secret), "
                f"or make another with `marketbot source rotate {options.source}`.",
            )
        return f"{address}/{options.secret}", {"Content-Type": "text/plain"}
    try:
        key = Vault.from_file(store.settings.vault_key_file).open(row["sealed_hmac_key"], aad=source_aad(options.source))
    except MarketBotError as error:
        raise CommandFailed(FailureReason.REFUSED, str(error)) from error
    return address, signed_headers(key, body, int(time.time()))


def signed_headers(key: bytes, body: bytes, now_s: int) -> dict[str, str]:
    """Return the headers that a program proves itself with; ``now_s`` is Unix time."""
    return {
        "Content-Type": "text/plain",
        "X-MarketBot-Timestamp": str(now_s),
        "X-MarketBot-Signature": hmac.digest(key, f"{now_s}.".encode() + body, "sha256").hex(),
    }


async def _post(address: str, body: bytes, headers: dict[str, str]) -> Answer:
    try:
        answer = await request("POST", address, body, headers)
    except OSError as error:
        raise CommandFailed(
            FailureReason.SERVICE_NOT_RUNNING, f"The service does not answer ({type(error).__name__}): is `marketbot up` running?"
        ) from error
    if answer.status != 202:
        reason = str(answer.document.get("reason", FailureReason.SIGNAL_REFUSED))
        detail = answer.document.get("detail") or answer.document.get("title") or "no reason was given"
        raise CommandFailed(reason, f"The signal was not taken ({answer.status}): {detail}")
    return answer


async def _settled(output: Output, store: StoreSession, signal_id: int) -> SignalSummary:
    deadline = asyncio.get_running_loop().time() + SETTLE_WAIT_S
    with output.progress() as progress:
        task = progress.add_task("accounts", total=None)
        while True:
            summary = await read_summary(store, signal_id)
            finished = summary.planned - summary.pending
            total = summary.planned if summary.state is not SignalState.ACCEPTED else None
            progress.update(task, completed=finished, total=total)
            if summary.state is SignalState.SETTLED:
                return summary
            if asyncio.get_running_loop().time() > deadline:
                raise CommandFailed(
                    FailureReason.UNFINISHED,
                    f"Signal {signal_id} is not settled after {SETTLE_WAIT_S:.0f} s; see `marketbot signal show {signal_id}`.",
                )
            await asyncio.sleep(SETTLE_POLL_S)


def _tell(console: Console, answer: Answer, summary: SignalSummary | None) -> None:
    repeated = " (it was taken before, and trades once)" if answer.document.get("duplicate") else ""
    console.print(f"Accepted as signal {answer.document['signal_id']}{repeated}.")
    if summary is not None:
        tell_summary(console, summary)
