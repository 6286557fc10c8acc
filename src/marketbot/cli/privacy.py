"""``people export``, ``erase``, ``keep`` and ``erasures``: what people demand by letter. Whoever runs them answers for who asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from marketbot.cli.actor import command_actor, note
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.clock import SystemClock
from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import UserId
from marketbot.domain.person import Locale
from marketbot.people.reception import Refusal
from marketbot.privacy.archive import About, Archive
from marketbot.privacy.erasing import Held, Subject, ask_for, keep, person_subject, user_subject
from marketbot.settings import Settings
from marketbot.store.audit_trail import NEWEST
from marketbot.store.erasures import list_erasures, read_erasure
from marketbot.store.people import read_person_by_email
from marketbot.store.pool import Connection
from marketbot.vault.vault import Vault


async def export_person(output: Output, settings: Settings, email: str | None, user: int | None, out: Path) -> None:
    """Write the archive of a person, or of a user; the file is the reader's own alone (0600)."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        subject = await _subject(store.connection, email, user)
        connection = store.connection

        @asynccontextmanager
        async def connect() -> AsyncIterator[Connection]:
            yield connection

        language = Locale.PT_BR if subject.person is None else subject.person.language
        about = About(subject.person_id, subject.user_id, language)
        async with connection.transaction():
            await note(connection, Action.EXPORTED, *subject.name)
        archive = Archive(connect, Vault.from_file(settings.vault_key_file), SystemClock(), about)
        file = await asyncio.to_thread(_create, out)
        with file:
            async for piece in archive.stream():
                await asyncio.to_thread(file.write, piece)
        size = await asyncio.to_thread(lambda: out.stat().st_size)
    output.show(
        {"file": str(out), "bytes": size, "person_id": subject.person_id, "user_id": subject.user_id},
        lambda console: console.print(
            f"Written to {out}: {size} bytes. Hand it to whom it is about, and delete it.", markup=False
        ),
    )


async def erase_person(output: Output, settings: Settings, email: str | None, user: int | None, *, force: bool) -> None:
    """Ask for somebody's erasure; a keeper does it."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        subject = await _subject(store.connection, email, user)
        asked = await ask_for(store.connection, subject, command_actor(), force=force)
    if isinstance(asked, Refusal):
        sentence = {
            Refusal.LAST_ADMIN: "Nothing was asked for: the last admin cannot be erased.",
            Refusal.ERASURE_OPEN: "It was asked for already: marketbot people erasures.",
        }[asked]
        raise CommandFailed(FailureReason.REFUSED, sentence)
    if isinstance(asked, Held):
        held = asked.holdings
        raise CommandFailed(
            FailureReason.REFUSED,
            f"Open: {held.protected_positions} positions with a verified stop, {held.unprotected_positions} without, "
            f"{held.working_orders} orders. Close them first, or leave them at the venue with --force.",
        )

    def human(console: Console) -> None:
        console.print(f"Erasure {asked.erasure_id} is due at {asked.due_at:%Y-%m-%d %H:%M:%S} UTC; accounts are paused.")
        console.print(f"A running service does it. Until then: marketbot people keep {asked.erasure_id}")

    output.show(asdict(asked), human)


async def keep_person(output: Output, settings: Settings, erasure_id: int) -> None:
    """Take an erasure back."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        erasure = await read_erasure(store.connection, erasure_id)
        if erasure is None or not await keep(store.connection, erasure, command_actor()):
            raise CommandFailed(FailureReason.NOT_FOUND, f"There is no erasure {erasure_id} that could be taken back.")
    output.show({"kept": True, "erasure_id": erasure_id}, lambda console: console.print("Taken back; accounts stay paused."))


async def show_erasures(output: Output, settings: Settings, limit: int) -> None:
    """Show erasures, the newest first."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await list_erasures(store.connection, NEWEST, limit)
    columns = ("erasure", "person", "user", "asked by", "asked_at", "due_at", "canceled_at", "done_at", "positions", "orders")
    cells = [
        (
            row.erasure_id,
            row.person_id,
            row.user_id,
            row.asked_by,
            row.asked_at,
            row.due_at,
            row.canceled_at,
            row.done_at,
            row.positions,
            row.orders,
        )
        for row in rows
    ]
    output.show({"erasures": [asdict(row) for row in rows]}, output.table("Erasures", columns, cells))


async def _subject(connection: Connection, email: str | None, user: int | None) -> Subject:
    if (email is None) == (user is None):
        raise CommandFailed(FailureReason.USAGE, "Name somebody by e-mail address, or by --user NUMBER.", exit_code=EXIT_USAGE)
    subject = None
    if email is not None:
        person = await read_person_by_email(connection, email)
        subject = None if person is None else await person_subject(connection, person.person_id)
    elif user is not None and 0 < user < NEWEST:
        subject = await user_subject(connection, UserId(user))
    if subject is None:
        raise CommandFailed(FailureReason.NOT_FOUND, "There is nobody of that name or number.")
    return subject


def _create(out: Path) -> BinaryIO:
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(FailureReason.FILE_INVALID, f"{out} cannot be written ({error.strerror}).") from None
    return os.fdopen(descriptor, "wb")
