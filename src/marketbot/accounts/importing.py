"""Bring checked records into the store: users by name, keys sealed, ten thousand accounts in a few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketbot.accounts.records import AccountRecord, Problem
from marketbot.domain.ids import SourceId, UserId
from marketbot.domain.venue import Market
from marketbot.store import accounts as rows
from marketbot.store.accounts import ExistingAccount
from marketbot.store.pool import Connection
from marketbot.vault.vault import Vault, VaultError, account_aad


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. ``unchanged`` said what was stored already; a row with a problem was left out."""

    created: int
    changed: int
    unchanged: int
    problems: tuple[Problem, ...]


async def import_accounts(connection: Connection, vault: Vault, records: Sequence[AccountRecord], *, egresses: int) -> Imported:
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
        in_use = await rows.keys_in_use(connection, [vault.fingerprint(record.api_key) for record in known])
        problems = [
            Problem(record.row, "follows", "names a source that does not exist")
            for record in records
            if not source_ids.keys() >= (record.follows or frozenset())
        ]
        written: list[tuple[Any, ...]] = []
        for record in known:
            user_id = users[record.user]
            found = existing.get((user_id, record.label))
            holder = in_use.get(vault.fingerprint(record.api_key))
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
                written.append(_row(vault, record, user_id, found, source_ids, egress))
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


def _row(
    vault: Vault,
    record: AccountRecord,
    user_id: UserId,
    found: ExistingAccount | None,
    source_ids: dict[str, SourceId],
    egress: int,
) -> tuple[Any, ...]:
    """Return one account in the order of ``IMPORTED_COLUMNS``; a key that is the stored one keeps its sealed form."""
    fingerprint = vault.fingerprint(record.api_key)
    if found is not None and _is_stored_key(vault, record, user_id, found):
        key, secret = found.api_key_sealed, found.api_secret_sealed
    else:
        key = vault.seal(record.api_key.encode(), aad=account_aad(user_id, fingerprint, "key"))
        secret = vault.seal(record.api_secret.encode(), aad=account_aad(user_id, fingerprint, "secret"))
    wishes = record.wishes
    return (
        user_id,
        record.label,
        record.venue,
        record.environment.value,
        key,
        secret,
        fingerprint,
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


def _is_stored_key(vault: Vault, record: AccountRecord, user_id: UserId, found: ExistingAccount) -> bool:
    if found.fingerprint != vault.fingerprint(record.api_key):
        return False
    try:
        secret = vault.open(found.api_secret_sealed, aad=account_aad(user_id, found.fingerprint, "secret"))
    except VaultError:
        return False
    return secret == record.api_secret.encode()
