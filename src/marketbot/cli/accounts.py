"""``accounts import`` and ``accounts list``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from marketbot.accounts.files import read_accounts_file
from marketbot.accounts.importing import import_accounts
from marketbot.accounts.records import Problem
from marketbot.accounts.safe import ensure_kek, open_safe
from marketbot.cli.actor import note
from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import egresses_of, open_store
from marketbot.domain.audit_entry import Action
from marketbot.domain.errors import MarketBotError
from marketbot.settings import Settings

PROBLEMS_SHOWN_MAX = 50

_LIST = """
SELECT a.account_id, u.name AS user_name, a.label, a.venue, a.environment::text,
       CASE WHEN a.disconnected_at IS NULL THEN a.status::text ELSE 'disconnected' END AS status, a.status_reason, a.paused,
       a.reduce_only, a.egress, a.hedge_mode, r.wallet_balance, r.available_balance, r.read_at,
       ARRAY(SELECT s.name FROM follow f JOIN source s USING (source_id) WHERE f.account_id = a.account_id ORDER BY 1) AS follows
FROM account a JOIN app_user u USING (user_id) LEFT JOIN account_reading r USING (account_id)
ORDER BY a.account_id LIMIT $1
"""


async def import_file(output: Output, settings: Settings, file: Path) -> int:
    """Write a file's accounts; rows with a problem are left out and named. Exit 1 when there was any."""
    try:
        content = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise CommandFailed(FailureReason.FILE_INVALID, f"{file} cannot be read: {error.strerror}.") from error
    read = read_accounts_file(content)
    if not read.records and read.problems:
        raise CommandFailed(FailureReason.FILE_INVALID, _problem_lines(read.problems))
    async with open_store(settings, create=True) as store:
        output.mark(store.profile)
        try:
            made = await ensure_kek(store.connection, settings.data_dir)
            safe = open_safe(settings, make=False)
        except (MarketBotError, OSError) as error:
            raise CommandFailed(FailureReason.REFUSED, f"The keys that seal accounts' keys cannot be used: {error}") from error
        async with store.connection.transaction():
            imported = await import_accounts(store.connection, safe, read.records, egresses=egresses_of(settings))
            if imported.created or imported.changed:
                await note(
                    store.connection, Action.ACCOUNTS_IMPORTED, "accounts", "", created=imported.created, changed=imported.changed
                )
    problems = (*read.problems, *imported.problems)
    document = {
        "created": imported.created,
        "changed": imported.changed,
        "unchanged": imported.unchanged,
        "problems": [{"row": each.row, "field": each.field, "message": each.sentence} for each in problems],
    }

    def human(console: Console) -> None:
        if made is not None:
            console.print(
                f"A key-encryption key was made: {made}. Every engine needs it; without it no exchange key can be read."
            )
        console.print(f"{imported.created} accounts are new, {imported.changed} changed, {imported.unchanged} were so already.")
        if problems:
            console.print(_problem_lines(problems), markup=False)
        if imported.created or imported.changed:
            console.print("The running service connects them now; `marketbot accounts list` shows their state.")

    output.show(document, human)
    return 1 if problems else 0


async def list_accounts(output: Output, settings: Settings, limit: int) -> None:
    """Show accounts, without any key."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = [dict(row) for row in await store.connection.fetch(_LIST, limit)]
    columns = ("account", "user", "label", "market", "status", "why", "paused", "reduce only", "wallet", "follows")
    cells = [
        [
            row["account_id"],
            row["user_name"],
            row["label"],
            f"{row['venue']}/{row['environment']}",
            row["status"],
            row["status_reason"],
            row["paused"],
            row["reduce_only"],
            row["wallet_balance"],
            ", ".join(row["follows"]),
        ]
        for row in rows
    ]
    output.show({"accounts": rows}, output.table("Accounts", columns, cells))


def _problem_lines(problems: tuple[Problem, ...]) -> str:
    lines = [str(problem) for problem in problems[:PROBLEMS_SHOWN_MAX]]
    if len(problems) > PROBLEMS_SHOWN_MAX:
        lines.append(f"... and {len(problems) - PROBLEMS_SHOWN_MAX} more")
    return "\n".join(lines)
