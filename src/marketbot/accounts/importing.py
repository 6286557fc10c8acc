"""Bring checked records into the store: users by name, keys sealed, ten thousand accounts in a few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketbot.accounts.handover import Secrets
from marketbot.accounts.records import AccountRecord, Problem
from marketbot.accounts.safe import OpenKey, Safe, Sealed
from marketbot.domain.ids import AccountId, SourceId, UserId
from marketbot.domain.venue import Market
from marketbot.store import accounts as rows
from marketbot.store.pool import Connection
from marketbot.vault.vault import VaultError


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. ``unchanged`` said what was stored already; a row with a problem was left out."""

    created: int
    changed: int
    unchanged: int
    problems: tuple[Problem, ...]


async def import_accounts(connection: Connection, safe: Safe, records: Sequence[AccountRecord], *, egresses: int) -> Imported:
    """Write accounts by (user, label): new ones wait to be connected, known ones get the file's settings and key.

    One transaction, of the caller's connection. Importing the same records again changes nothing, except that a quarantined
    account is tried once more. ``egresses`` is the number of source addresses: an account that names none is given the least
    loaded one, and keeps it.
    """
    async with connection.transaction():
        await rows.lock_imports(connection)
        source_ids = await rows.sources_by_name(connection, sorted({name for r in records for name in r.follows or ()}))
        known = [record for record in records if source_ids.keys() >= (record.follows or frozenset())]
        users = await rows.ensure_users(connection, sorted({record.user for record in known}))
        loads = EgressLoads(await rows.accounts_by_egress(connection), egresses)
        existing = await rows.accounts_of(connection, list(users.values()))
        in_use = await rows.keys_in_use(connection, [safe.fingerprint(record.api_key) for record in known])
        problems = [
            Problem(record.row, "follows", "names a source that does not exist")
            for record in records
            if not source_ids.keys() >= (record.follows or frozenset())
        ]
        keys = await safe.keys_of(connection, list(users.values()))
        held = await _held_keys(connection, safe, [found.key.account_id for found in existing.values()])
        numbers = iter(await rows.new_account_ids(connection, len(known)))
        written: list[tuple[Any, ...]] = []
        for record in known:
            user_id = users[record.user]
            found = existing.get((user_id, record.label))
            holder = in_use.get(safe.fingerprint(record.api_key))
            if found is not None and found.market != Market(record.venue, record.environment):
                problems.append(Problem(record.row, "label", "is in use for another venue or environment; choose another label"))
            elif holder is not None and holder != (user_id, record.label):
                problems.append(Problem(record.row, "api_key", "is connected already, under another label"))
            elif record.egress is not None and record.egress >= egresses:
                problems.append(Problem(record.row, "egress", f"must be below {egresses}, the number of source addresses"))
            else:
                egress = record.egress
                if egress is None and found is not None and found.egress < egresses:
                    egress = found.egress
                elif found is None or found.egress != egress:
                    egress = loads.place(Market(record.venue, record.environment), egress)
                account_id = next(numbers) if found is None else found.account_id
                place = _Place(account_id, user_id, safe.fingerprint(record.api_key))
                kept = held.get(account_id)
                sealed = (
                    kept[0] if kept is not None and kept[1] == _secrets(record) else _seal(safe, keys[user_id], place, record)
                )
                written.append(_row(record, place, sealed, source_ids, egress))
        created, changed = await rows.upsert_accounts(connection, written)
    return Imported(created, changed, len(written) - created - changed, tuple(sorted(problems, key=lambda each: each.row)))


class EgressLoads:
    """How many accounts each source address carries at each market; budgets are the venue's, so each market counts for itself."""

    def __init__(self, loads: Mapping[tuple[Market, int], int], egresses: int) -> None:
        self._loads: dict[Market, list[int]] = {}
        self._egresses = egresses
        for (market, egress), accounts in loads.items():
            if egress < egresses:  # the pool may have been longer once
                self._of(market)[egress] = accounts

    def place(self, market: Market, egress: int | None) -> int:
        """Count an account that is given ``egress``, or the least loaded one (the first of several); return which."""
        loads = self._of(market)
        chosen = loads.index(min(loads)) if egress is None else egress
        loads[chosen] += 1
        return chosen

    def _of(self, market: Market) -> list[int]:
        return self._loads.setdefault(market, [0] * self._egresses)


@dataclass(frozen=True, slots=True)
class _Place:
    """Whom a sealed key is for."""

    account_id: AccountId
    user_id: UserId
    fingerprint: bytes


async def _held_keys(
    connection: Connection, safe: Safe, account_ids: Sequence[AccountId]
) -> dict[AccountId, tuple[Sealed, Secrets]]:
    """Return what is stored of these accounts' keys, sealed by data keys and in clear: a key that is the stored one keeps its form."""
    found: dict[AccountId, tuple[Sealed, Secrets]] = {}
    for row, keys in await rows.sealed_keys(connection, account_ids):
        try:
            clear = safe.open(await safe.open_keys(keys), row)
        except VaultError:
            continue
        found[row.account_id] = (Sealed(row.api_key_sealed, row.api_secret_sealed, row.api_passphrase_sealed), clear)
    return found


def _secrets(record: AccountRecord) -> Secrets:
    return Secrets(record.api_key.encode(), record.api_secret.encode())


def _seal(safe: Safe, key: OpenKey, place: _Place, record: AccountRecord) -> Sealed:
    return safe.seal(key, place.user_id, place.account_id, place.fingerprint, _secrets(record))


def _row(
    record: AccountRecord, place: _Place, sealed: Sealed, source_ids: dict[str, SourceId], egress: int | None
) -> tuple[Any, ...]:
    """Return one account in the order of ``IMPORTED_COLUMNS``."""
    wishes = record.wishes
    return (
        place.account_id,
        place.user_id,
        record.label,
        record.venue,
        record.environment.value,
        sealed.api_key,
        sealed.secret,
        place.fingerprint,
        egress,
        record.paused,
        record.reduce_only,
        wishes.leverage,
        wishes.stop_multiplier,
        wishes.target_multiplier,
        wishes.position_size_pct,
        wishes.max_positions,
        wishes.cooldown_min,
        wishes.daily_loss_limit,
        None if wishes.allowed_symbols is None else sorted(wishes.allowed_symbols),
        sorted(wishes.denied_symbols),
        None if record.follows is None else sorted(source_ids[name] for name in record.follows),
    )
