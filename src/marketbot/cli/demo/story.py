"""What happens in a demo, act by act: every kind of body, markets that move, and a close."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from marketbot.accounts.files import read_accounts_file
from marketbot.accounts.importing import import_accounts
from marketbot.accounts.safe import open_safe
from marketbot.cli.demo.bodies import BAD_BODIES, PRICES, STALE_BODY, body_of, raw_body
from marketbot.cli.demo.population import EARLY_SOURCE, MAIN_SOURCE, DemoAccount, import_rows
from marketbot.cli.demo.readings import connecting, read
from marketbot.cli.demo.screen import Screen
from marketbot.cli.demo.stage import Stage
from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.http import Answer, request
from marketbot.cli.signal_sending import signed_headers
from marketbot.cli.sources import make_source

POLL_S = 0.2
SETTLE_WAIT_S = 120.0
CONNECT_STALL_S = 30.0
"""An account that a venue does not let in keeps trying; the demo goes on without it."""
READY_WAIT_S = 20.0
SIGNALS_PER_HOUR = 10_000
ACCEPTED = 202
SERVICE_UNAVAILABLE = 503

STOPS_AND_TARGETS = {"BTCUSDT": "114600.0", "ETHUSDT": "4420.5"}
"""Bitcoin rises by 3 %: the longs' usual targets. Ether rises by 2.5 %: the shorts' usual stops."""


@dataclass(frozen=True, slots=True)
class Act:
    """One signal. ``secret_in_body`` for kinds that carry it; others have it in the path, programs sign."""

    body: str
    source: str
    says: str
    secret_in_body: bool = False


EARLY_ACTS = (
    Act("generic_long.json", EARLY_SOURCE, "a program signs: LONG XRP, for its few followers"),
    Act("generic_close.json", EARLY_SOURCE, "the program closes XRP: its followers are in cooldown there"),
)
OPENING_ACTS = (
    Act("pine_long_strong.json", MAIN_SOURCE, "TradingView: SINAL LONG FORTE BTC, for everybody"),
    Act("pine_short.json", MAIN_SOURCE, "TradingView: SINAL SHORT ETH"),
    Act("keyvalue.txt", MAIN_SOURCE, "key=value text: BUY XRP", secret_in_body=True),
)
LATER_ACTS = (
    Act("threecommas.json", MAIN_SOURCE, "3Commas: enter_long SOL", secret_in_body=True),
    Act("plain_text.txt", MAIN_SOURCE, "plain text: SINAL LONG FORTE DOGE"),
    Act("tradingview_strategy.json", MAIN_SOURCE, "strategy alert: flat after short, closes what is left of ETH"),
    Act("pine_close_long.json", MAIN_SOURCE, "TradingView: FECHE LONG SOL"),
)


class Story:
    """Plays the acts on a stage and keeps the screen informed."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage = stage
        self._screen = screen

    async def set_up(self, accounts: list[DemoAccount]) -> None:
        """Make the accounts at the venues, import them, and wait until they are connected."""
        stage = self._stage
        await stage.control.set_prices(PRICES)
        made = await stage.control.create_accounts([account.at_venue for account in accounts])
        for name, kind in ((MAIN_SOURCE, "webhook"), (EARLY_SOURCE, "program")):
            _, stage.secrets[name] = await make_source(stage.store, name, kind, signals_per_hour=SIGNALS_PER_HOUR)
        records = read_accounts_file(orjson.dumps(import_rows(accounts, made))).records
        safe = open_safe(stage.store.settings)
        imported = await import_accounts(stage.store.connection, safe, records, egresses=stage.egresses)
        if imported.problems or imported.created != len(accounts):
            raise CommandFailed(FailureReason.INTERNAL, f"The import left accounts out: {imported.problems[:3]}")
        self._screen.say(f"imported {imported.created} accounts; connecting them")
        await self._until_connected()

    async def play(self, act: Act, *, wait: bool = True) -> int:
        """Send one signal and wait until every account's work is over."""
        secret = self._stage.secrets[act.source]
        body = body_of(act.body, secret=secret, now=datetime.now(UTC))
        answer = await self._post(act, body)
        if answer.status != ACCEPTED:
            raise CommandFailed(FailureReason.SIGNAL_REFUSED, f"{act.body} was answered {answer.status}: {answer.document}")
        signal_id = int(answer.document["signal_id"])
        self._screen.say(f"signal {signal_id}: {act.says}")
        if wait:
            await self.until_settled([signal_id])
        return signal_id

    async def repeat(self, act: Act) -> None:
        """Send one body twice, as senders do after a time-out: it must trade once."""
        secret = self._stage.secrets[act.source]
        body = body_of(act.body, secret=secret, now=datetime.now(UTC))
        answers = [await self._post(act, body) for _ in range(2)]
        ids = {answer.document.get("signal_id") for answer in answers}
        if len(ids) != 1 or any(answer.status != ACCEPTED for answer in answers):
            raise CommandFailed(FailureReason.INTERNAL, f"A repeat was answered differently: {[a.status for a in answers]}")
        signal_id = int(answers[0].document["signal_id"])
        self._screen.say(f"signal {signal_id}: {act.says} (sent twice, taken once)")
        await self.until_settled([signal_id])

    async def send_bad_bodies(self) -> None:
        """Send what must be refused, and see that it is."""
        secret = self._stage.secrets[MAIN_SOURCE]
        address = self._address(MAIN_SOURCE)
        now = datetime.now(UTC)
        bodies = [(f"{address}/{secret}", body_of(name, secret=secret, now=now)) for name in BAD_BODIES]
        bodies.append((f"{address}/{secret}", raw_body(STALE_BODY)))
        bodies.append((f"{address}/not-the-secret-of-it", body_of(STALE_BODY, secret=secret, now=now)))
        for url, body in bodies:
            answer = await request("POST", url, body, {"Content-Type": "text/plain"})
            if not 400 <= answer.status < 500:
                raise CommandFailed(FailureReason.INTERNAL, f"A bad body was answered {answer.status}.")
        self._screen.say(f"{len(bodies)} bad bodies: all refused, each with its reason")

    async def move_markets(self) -> None:
        """Move prices so that stops and targets fire, and wait until our book has noticed each of them."""
        fired = await self._stage.control.set_prices(STOPS_AND_TARGETS)
        self._screen.say(f"the markets move: {fired} stops and targets fire")
        deadline = time.monotonic() + SETTLE_WAIT_S
        while await self._unnoticed() and time.monotonic() < deadline:
            self._screen.show(await read(self._stage.store.connection, []))
            await asyncio.sleep(POLL_S)

    async def until_settled(self, signal_ids: list[int]) -> None:
        """Wait until these signals' work is over.

        Raises:
            CommandFailed: it is not after SETTLE_WAIT_S.
        """
        deadline = time.monotonic() + SETTLE_WAIT_S
        while True:
            reading = await read(self._stage.store.connection, signal_ids)
            self._screen.show(reading)
            if not reading.unsettled:
                return
            if time.monotonic() > deadline:
                raise CommandFailed(
                    FailureReason.UNFINISHED, f"Signals {signal_ids} are not settled after {SETTLE_WAIT_S:.0f} s."
                )
            await asyncio.sleep(POLL_S)

    async def _until_connected(self) -> None:
        last, since = -1, time.monotonic()
        while True:
            waiting, total = await connecting(self._stage.store.connection)
            self._screen.bar("connecting accounts", total - waiting, total)
            if waiting != last:
                last, since = waiting, time.monotonic()
            if not waiting:
                self._screen.say(f"all {total} accounts are connected or turned away")
                return
            if time.monotonic() - since > CONNECT_STALL_S:
                raise CommandFailed(FailureReason.UNFINISHED, f"{waiting} of {total} accounts are still not connected.")
            await asyncio.sleep(POLL_S)

    async def _unnoticed(self) -> int:
        """Count positions that our book has open and the venues have not, or the other way round."""
        held = await self._stage.control.call("GET", "/positions")
        ours = await self._stage.store.connection.fetchval(
            "SELECT count(*) FROM position WHERE protection <> 'closed' AND qty > 0"
        )
        return abs(len(held["positions"]) - int(ours))

    async def _post(self, act: Act, body: bytes) -> Answer:
        """Post as the source would; 503 is answered while the service still learns which symbols exist, and tried again."""
        address = self._address(act.source)
        secret = self._stage.secrets[act.source]
        sign: Callable[[], dict[str, str]] = lambda: {"Content-Type": "text/plain"}  # noqa: E731
        if act.source == EARLY_SOURCE:
            sign = lambda: signed_headers(secret.encode(), body, int(time.time()))  # noqa: E731
        elif not act.secret_in_body:
            address = f"{address}/{secret}"
        deadline = time.monotonic() + READY_WAIT_S
        while True:
            answer = await request("POST", address, body, sign())
            if answer.status != SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(POLL_S)

    def _address(self, source: str) -> str:
        return f"{self._stage.endpoints.api_url}/v1/webhook/{source}"
