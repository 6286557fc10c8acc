"""``signal list`` and ``signal show``: what came in, and what became of it at every account."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console

from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output, shown
from marketbot.cli.store_session import StoreSession, open_store
from marketbot.domain.ids import AccountId, SignalId
from marketbot.domain.reason_texts import became_text
from marketbot.domain.reasons import Language
from marketbot.settings import Settings
from marketbot.store.signals import MAX_PAGE, SignalAccount, SignalSummary, signal_accounts, signal_summary

_LIST = """
SELECT g.signal_id, s.name AS source, g.action::text, g.symbol, g.strong, g.price, g.state::text, g.received_at,
       (SELECT count(*) FROM intent i WHERE i.signal_id = g.signal_id) AS planned,
       (SELECT count(*) FROM intent i WHERE i.signal_id = g.signal_id AND i.state = 'denied') AS denied,
       (SELECT count(*) FROM outcome o WHERE o.signal_id = g.signal_id AND o.result = 'ordered') AS ordered,
       (SELECT count(*) FROM outcome o WHERE o.signal_id = g.signal_id AND o.result = 'rejected') AS rejected,
       (SELECT count(*) FROM outcome o WHERE o.signal_id = g.signal_id AND o.result = 'lapsed') AS lapsed
FROM signal g JOIN source s USING (source_id) ORDER BY g.signal_id DESC LIMIT $1
"""


async def list_signals(output: Output, settings: Settings, limit: int) -> None:
    """Show the latest signals, newest first."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = [dict(row) for row in await store.connection.fetch(_LIST, limit)]
    columns = list(rows[0]) if rows else ["signal_id"]
    output.show({"signals": rows}, output.table("Signals", columns, [list(row.values()) for row in rows]))


async def show_signal(output: Output, settings: Settings, signal_id: int, *, limit: int, lang: str) -> None:
    """Show one signal and every account's outcome with its reason in words."""
    language = spoken(lang)
    async with open_store(settings) as store:
        output.mark(store.profile)
        summary = await read_summary(store, signal_id)
        accounts = await _all_accounts(store, signal_id, limit)
    document = {
        "signal": asdict(summary),
        "accounts": [asdict(account) | {"text": became_text(account.became, account.reason, language)} for account in accounts],
    }
    output.show(document, lambda console: _tell(console, output, summary, accounts, language))


async def read_summary(store: StoreSession, signal_id: int) -> SignalSummary:
    """Return a signal's counts.

    Raises:
        CommandFailed: there is no such signal.
    """
    summary = await signal_summary(store.connection, SignalId(signal_id))
    if summary is None:
        raise CommandFailed(FailureReason.NOT_FOUND, f"There is no signal {signal_id}.")
    return summary


def spoken(lang: str) -> Language:
    try:
        return Language(lang.lower()[:2])
    except ValueError:
        raise CommandFailed(FailureReason.USAGE, "--lang takes en or pt.", exit_code=EXIT_USAGE) from None


async def _all_accounts(store: StoreSession, signal_id: int, limit: int) -> list[SignalAccount]:
    accounts: list[SignalAccount] = []
    while len(accounts) < limit:
        after = accounts[-1].account_id if accounts else AccountId(0)
        page = await signal_accounts(store.connection, SignalId(signal_id), after, min(limit - len(accounts), MAX_PAGE))
        accounts += page
        if len(page) < MAX_PAGE:
            break
    return accounts


def tell_summary(console: Console, summary: SignalSummary) -> None:
    """Print one signal's counts."""
    strong = "strong " if summary.strong else ""
    price = "" if summary.price is None else f" at {shown(summary.price)}"
    console.print(
        f"Signal {summary.signal_id}: {strong}{summary.action} {summary.symbol}{price}, from {summary.source}, "
        f"received {shown(summary.received_at)}, {summary.state}"
    )
    console.print(
        f"planned {summary.planned}  ordered {summary.ordered}  protected {summary.protected}  "
        f"pending {summary.pending}  unconfirmed {summary.unconfirmed}"
    )
    for name, reasons in (("denied", summary.denied), ("rejected", summary.rejected), ("lapsed", summary.lapsed)):
        if reasons:
            counted = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
            console.print(f"{name}: {counted}")


def _tell(console: Console, output: Output, summary: SignalSummary, accounts: list[SignalAccount], language: Language) -> None:
    tell_summary(console, summary)
    columns = ("account", "label", "market", "became", "side", "qty", "stop", "target", "acked ms", "protected ms", "why")
    rows = [_row(account, language) for account in accounts]
    output.table("Accounts", columns, rows)(console)


def _row(account: SignalAccount, language: Language) -> list[Any]:
    why = became_text(account.became, account.reason, language)
    return [
        account.account_id,
        account.label,
        f"{account.venue}/{account.environment}",
        account.became if account.reason is None else f"{account.became}: {account.reason}",
        account.side,
        account.qty,
        account.stop_price,
        account.target_price,
        account.acked_ms,
        account.protected_ms,
        why if not account.detail else f"{why} ({account.detail})",
    ]
