"""``accounts check``: ask the venues themselves whether keys work, and say in plain words what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.progress import Progress, TaskID

from marketbot.accounts.connect import TRANSIENT, advise, object_to
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.safe import open_safe
from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.signals import spoken
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.clock import SystemClock
from marketbot.domain.egress import Egress
from marketbot.domain.errors import MarketBotError
from marketbot.domain.execution_report import VenueFault
from marketbot.domain.ids import AccountId
from marketbot.domain.key_reason import KeyReason, key_text
from marketbot.domain.money import plain
from marketbot.domain.reason_texts import Text
from marketbot.domain.reasons import Language
from marketbot.domain.venue import Environment, Market, PositionMode, Profile, Venue
from marketbot.ports import Credential, VenueClient
from marketbot.settings import Settings
from marketbot.simulator import SimulatorUnknownError, simulator_urls
from marketbot.store.pool import open_pool
from marketbot.supervisor.endpoints import Endpoints
from marketbot.venues.registry import open_clients

ACCOUNTS_MAX = 10_000
AT_ONCE = 32

_SELECT = """
SELECT account_id, label, venue, environment, status::text, status_reason FROM account
WHERE cardinality($1::text[]) = 0 OR label = ANY ($1) OR account_id::text = ANY ($1)
ORDER BY account_id LIMIT $2
"""
_FINE = Text("The key works.", "A chave funciona.")


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """What one account's venue said. ``problem`` stops trading, ``advice`` does not."""

    account_id: int
    label: str
    market: str
    status: str
    ok: bool
    balance: str | None
    position_mode: PositionMode | None
    problem: str | None
    advice: str | None


async def check_accounts(output: Output, settings: Settings, labels: Sequence[str], *, lang: str) -> int:
    """Check accounts side by side. Exit 1 when one cannot trade."""
    language = spoken(lang)
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await store.connection.fetch(_SELECT, list(labels), ACCOUNTS_MAX)
        if not rows:
            raise CommandFailed(FailureReason.NOT_FOUND, "There is no such account.")
        checks = await _check_all(output, store, rows, language)
    columns = ("account", "label", "market", "status", "balance", "mode", "finding")
    cells = [
        [c.account_id, c.label, c.market, c.status, c.balance, c.position_mode, c.problem or c.advice or _FINE.spoken(language)]
        for c in checks
    ]
    output.show({"accounts": [asdict(check) for check in checks]}, output.table("Accounts", columns, cells))
    return 0 if all(check.ok for check in checks) else 1


async def _check_all(output: Output, store: StoreSession, rows: Sequence[Any], language: Language) -> list[AccountCheck]:
    settings = _running(store)
    try:
        urls, ca_file = simulator_urls(settings)
        safe = await asyncio.to_thread(open_safe, settings, make=False)
    except SimulatorUnknownError as error:
        raise CommandFailed(FailureReason.SERVICE_NOT_RUNNING, "The simulator does not run: start `marketbot up`.") from error
    except MarketBotError as error:
        raise CommandFailed(FailureReason.REFUSED, str(error)) from error
    markets = {Market(Venue(row["venue"]), Environment(row["environment"])) for row in rows}
    pool = await open_pool(store.dsn, name="account check", size=2)
    try:
        credentials = await Keyring(pool, safe).credentials([AccountId(row["account_id"]) for row in rows])
    finally:
        await pool.close()
    egress = settings.egress_addresses or (None,)
    clients = await open_clients(store.profile, markets, clock=SystemClock(), egress=egress, urls=urls, ca_file=ca_file)
    try:
        await asyncio.gather(*(client.sync_clock() for client in clients.values()))
        room = asyncio.Semaphore(AT_ONCE)
        with output.progress() as progress:
            task = progress.add_task("accounts", total=len(rows))
            return await asyncio.gather(
                *(_counted(room, progress, task, clients, row, credentials.get(row["account_id"]), language) for row in rows)
            )
    finally:
        await asyncio.gather(*(client.close() for client in clients.values()))


def _running(store: StoreSession) -> Settings:
    """Return the settings with what the running service knows better: its simulator and its source addresses."""
    endpoints = Endpoints.read(store.settings.data_dir)
    if endpoints is None:
        return store.settings.model_copy(update={"profile": store.profile})
    egress = tuple(Egress.parse(each) for each in endpoints.egress_addresses)
    known: dict[str, object] = {"profile": store.profile, "egress_addresses": egress}
    if store.profile is Profile.SIMULATION:
        known["simulator_ready_file"] = endpoints.simulator_ready_file
    return store.settings.model_copy(update=known)


async def _counted(
    room: asyncio.Semaphore,
    progress: Progress,
    task: TaskID,
    clients: dict[Market, VenueClient],
    row: Any,
    credential: Credential | None,
    language: Language,
) -> AccountCheck:
    client = clients[Market(Venue(row["venue"]), Environment(row["environment"]))]
    async with room:
        found = await _check(client, row, credential, language)
    progress.advance(task)
    return found


async def _check(client: VenueClient, row: Any, credential: Credential | None, language: Language) -> AccountCheck:
    if credential is None:
        return _checked(row, problem=key_text(KeyReason.KEY_UNREADABLE, {}, language))
    key = await client.read_key(credential)
    if isinstance(key, VenueFault):
        return _checked(row, problem=_fault(key, language))
    objection = object_to(key)
    if objection is not None:
        return _checked(row, mode=key.position_mode, problem=key_text(objection, {}, language))
    reading = await client.read_account(credential)
    if isinstance(reading, VenueFault):
        return _checked(row, mode=key.position_mode, problem=_fault(reading, language))
    advice = advise(key, reading, client.market.environment)
    told = None if advice is None else key_text(advice, {}, language)
    return _checked(row, mode=key.position_mode, balance=plain(reading.wallet_balance), advice=told)


def _checked(
    row: Any,
    *,
    mode: PositionMode | None = None,
    balance: str | None = None,
    problem: str | None = None,
    advice: str | None = None,
) -> AccountCheck:
    return AccountCheck(
        account_id=row["account_id"],
        label=row["label"],
        market=f"{row['venue']}/{row['environment']}",
        status=row["status"],
        ok=problem is None,
        balance=balance,
        position_mode=mode,
        problem=problem,
        advice=advice,
    )


def _fault(fault: VenueFault, language: Language) -> str:
    otherwise = KeyReason.VENUE_UNAVAILABLE if fault.error_class in TRANSIENT else KeyReason.KEY_REFUSED
    facts = {"code": fault.code or str(fault.error_class), "text": fault.text}
    return key_text(fault.key_reason or otherwise, facts, language)
