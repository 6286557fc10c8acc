"""``trail list`` and ``trail verify``: who did what, and the proof that nobody rewrote it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from rich.console import Console

from marketbot.cli.failure import EXIT_FAILED, EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.domain.audit_entry import Action, ActorKind
from marketbot.settings import Settings
from marketbot.store.audit_trail import NEWEST, AuditFilter, hash_of, list_entries, verify

_NOTED = re.compile(r"([1-9][0-9]{0,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class TrailOptions:
    """Which entries ``trail list`` shows; None leaves a thing open."""

    action: str | None
    actor: str | None
    subject: str | None
    limit: int


async def show_trail(output: Output, settings: Settings, options: TrailOptions) -> None:
    """Show entries, the newest first."""
    wanted = _filter(options)
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await list_entries(store.connection, wanted, NEWEST, options.limit)
    columns = ("entry", "at", "action", "by", "from", "subject", "facts")
    cells = [
        (
            row.entry_id,
            row.at,
            row.action,
            row.actor_kind if row.actor_id is None else f"{row.actor_kind} {row.actor_id}",
            row.address,
            f"{row.subject_kind} {row.subject_id}".strip(),
            ", ".join(f"{name} {value}" for name, value in row.facts.items() if value is not None),
        )
        for row in rows
    ]
    output.show({"entries": [asdict(row) for row in rows]}, output.table("Audit trail", columns, cells))


async def verify_trail(output: Output, settings: Settings, noted: str | None) -> int:
    """Walk the whole chain; exit 1 at a break, or when the entry that was noted earlier is not there as it was."""
    match = None if noted is None else _NOTED.fullmatch(noted)
    if noted is not None and match is None:
        raise CommandFailed(FailureReason.USAGE, "--noted takes NUMBER:HASH, as this command printed it.", exit_code=EXIT_USAGE)
    async with open_store(settings) as store:
        output.mark(store.profile)
        proof = await verify(store.connection)
        found = None if match is None else await hash_of(store.connection, int(match[1]))
    kept = match is None or (found is not None and found.hex() == match[2])
    holds = proof.holds and kept

    def human(console: Console) -> None:
        if not proof.holds:
            console.print(f"BROKEN at entry {proof.broken_at}: {proof.fault}.")
        if not kept:
            console.print("BROKEN: the entry that was noted is not there as it was.")
        if holds:
            console.print(f"All {proof.entries} entries are as they were written.")
            if proof.entries:
                console.print("Note this elsewhere, and give it to the next proof with --noted:")
                console.print(f"  {proof.last_id}:{proof.last_hash}", soft_wrap=True)

    output.show({**asdict(proof), "noted_entry_kept": None if match is None else kept, "holds": holds}, human)
    return 0 if holds else EXIT_FAILED


def _filter(options: TrailOptions) -> AuditFilter:
    kind, _, number = (options.actor or "").partition(":")
    subject_kind, _, subject_id = (options.subject or "").partition(":")
    try:
        return AuditFilter(
            action=None if options.action is None else Action(options.action),
            actor_kind=ActorKind(kind) if kind else None,
            actor_id=int(number) if number else None,
            subject_kind=subject_kind or None,
            subject_id=subject_id or None,
        )
    except ValueError:
        raise CommandFailed(
            FailureReason.USAGE,
            f"--action takes one of: {', '.join(Action)}; --actor KIND or KIND:NUMBER, of {', '.join(ActorKind)}.",
            exit_code=EXIT_USAGE,
        ) from None
