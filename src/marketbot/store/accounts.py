"""Accounts as their owners set them up: bulk import, and what connecting and signing need to know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketbot.domain.ids import AccountId, SourceId, Symbol, UserId
from marketbot.domain.policy import Wishes
from marketbot.domain.venue import Environment, Market, Venue
from marketbot.ports import Where, Wrapped
from marketbot.store.pool import Connection, Pool

ACCOUNT_CHANNEL = "account"
"""Notified when accounts were added, changed or quarantined; whoever keeps keys or connects accounts looks again."""
IMPORT_LOCK = 0x6D62_0002
"""One at a time writes what is sealed (imports, new accounts, rotations): what it read about accounts and keys must still hold when it
writes."""

_SQL = Path(__file__).with_name("sql")
UPSERT_ACCOUNTS = (_SQL / "upsert_accounts.sql").read_text()
IMPORTED_TABLE = (_SQL / "imported_accounts.sql").read_text()
REPLACE_FOLLOWS = (_SQL / "replace_follows.sql").read_text()
QUARANTINE = (_SQL / "quarantine.sql").read_text()
LEFT = (_SQL / "accounts_that_left.sql").read_text()
TO_CONNECT = (_SQL / "accounts_to_connect.sql").read_text()

IMPORTED_COLUMNS = (
    "account_id",
    "user_id",
    "label",
    "venue",
    "environment",
    "api_key_sealed",
    "api_secret_sealed",
    "api_key_fingerprint",
    "egress",
    "paused",
    "reduce_only",
    "leverage",
    "stop_multiplier",
    "target_multiplier",
    "position_size_pct",
    "max_positions",
    "cooldown_min",
    "daily_loss_limit",
    "allowed_symbols",
    "denied_symbols",
    "source_ids",
)


@dataclass(frozen=True, slots=True)
class DataKey:
    """A user's key for their accounts' keys, as it is stored."""

    key_id: int
    user_id: UserId
    wrapped: Wrapped


@dataclass(frozen=True, slots=True)
class SealedKey:
    """An account's key as it is stored, and where requests signed with it leave from."""

    account_id: AccountId
    user_id: UserId
    api_key_sealed: bytes = field(repr=False)
    api_secret_sealed: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)
    egress: int
    hedge_mode: bool
    changed_at: datetime
    api_passphrase_sealed: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExistingAccount:
    """What an import compares a row with."""

    account_id: AccountId
    user_id: UserId
    label: str
    market: Market
    key: SealedKey
    egress: int


@dataclass(frozen=True, slots=True)
class AccountToConnect:
    """An account whose key is to be proven, or (``ready``) whose leverage may not be what its settings say."""

    account_id: AccountId
    user_id: UserId
    market: Market
    egress: int
    ready: bool
    hedge_mode: bool
    wishes: Wishes
    symbols: tuple[Symbol, ...]
    """The instruments of the sources it follows."""
    leverage_set: Mapping[Symbol, Decimal]
    """What the venue is known to hold."""


async def ensure_users(connection: Connection, names: Sequence[str]) -> dict[str, UserId]:
    """Return the ids of users by name, making those that are new."""
    await connection.execute("INSERT INTO app_user (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", list(names))
    rows = await connection.fetch("SELECT name, user_id FROM app_user WHERE name = ANY ($1::text[])", list(names))
    return {row["name"]: UserId(row["user_id"]) for row in rows}


async def sources_by_name(connection: Connection, names: Sequence[str]) -> dict[str, SourceId]:
    rows = await connection.fetch("SELECT name, source_id FROM source WHERE name = ANY ($1::text[])", list(names))
    return {row["name"]: SourceId(row["source_id"]) for row in rows}


async def accounts_by_egress(connection: Connection) -> dict[tuple[Market, int], int]:
    """Return how many accounts each source address carries at each market."""
    rows = await connection.fetch("SELECT venue, environment, egress, count(*) AS accounts FROM account GROUP BY 1, 2, 3")
    return {(_market(row), row["egress"]): row["accounts"] for row in rows}


async def accounts_of(connection: Connection, users: Sequence[UserId]) -> dict[tuple[UserId, str], ExistingAccount]:
    """Return the accounts of users by (user, label)."""
    rows = await connection.fetch(
        """
        SELECT account_id, user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_passphrase_sealed,
               api_key_fingerprint, egress, hedge_mode, changed_at
        FROM account WHERE user_id = ANY ($1::bigint[])
        """,
        list(users),
    )
    return {
        (UserId(row["user_id"]), row["label"]): ExistingAccount(
            account_id=AccountId(row["account_id"]),
            user_id=UserId(row["user_id"]),
            label=row["label"],
            market=_market(row),
            key=_sealed_key(row),
            egress=row["egress"],
        )
        for row in rows
    }


async def new_account_ids(connection: Connection, count: int) -> list[AccountId]:
    """Take numbers for accounts that are about to be made: a key is sealed for its account before the row is there."""
    rows = await connection.fetch(
        "SELECT nextval(pg_get_serial_sequence('account', 'account_id')) AS account_id FROM generate_series(1, $1)", count
    )
    return [AccountId(row["account_id"]) for row in rows]


async def keys_in_use(connection: Connection, fingerprints: Sequence[bytes]) -> dict[bytes, tuple[UserId, str]]:
    """Return which of the keys are connected already, with the (user, label) of their account."""
    rows = await connection.fetch(
        """SELECT api_key_fingerprint, user_id, label FROM account WHERE api_key_fingerprint = ANY ($1::bytea[])
           UNION ALL SELECT b.fingerprint, a.user_id, a.label FROM key_box b JOIN account a USING (account_id)
           WHERE b.fingerprint = ANY ($1::bytea[])""",
        list(fingerprints),
    )
    return {row["api_key_fingerprint"]: (UserId(row["user_id"]), row["label"]) for row in rows}


async def lock_imports(connection: Connection) -> None:
    """Wait for other imports; held until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", IMPORT_LOCK)


async def upsert_accounts(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> tuple[int, int]:
    """Write accounts (columns as ``IMPORTED_COLUMNS``) and whom they follow; return how many are new and how many changed.

    A row that says what is stored already changes nothing. ``source_ids`` of None leaves the follows as they are.
    """
    await connection.execute(IMPORTED_TABLE)
    await connection.copy_records_to_table("imported_account", records=rows, columns=list(IMPORTED_COLUMNS))
    await connection.execute("ANALYZE imported_account")
    written = await connection.fetch(UPSERT_ACCOUNTS)
    created = {row["account_id"] for row in written if row["is_new"]}
    changed = {row["account_id"] for row in written}
    changed |= {row["account_id"] for row in await connection.fetch(REPLACE_FOLLOWS)}
    await connection.execute("DROP TABLE imported_account")
    await connection.execute(f"NOTIFY {ACCOUNT_CHANNEL}")
    return len(created), len(changed - created)


async def sealed_keys(connection: Connection | Pool, account_ids: Sequence[AccountId]) -> list[tuple[SealedKey, list[DataKey]]]:
    """Return accounts' keys as they are stored, each with its user's data keys that they were sealed by."""
    rows = await connection.fetch(
        """
        SELECT a.account_id, a.user_id, a.api_key_sealed, a.api_secret_sealed, a.api_passphrase_sealed, a.api_key_fingerprint,
               a.egress, a.hedge_mode, a.changed_at, k.key_ids, k.kek_ids, k.wrapped
        FROM account a LEFT JOIN LATERAL (
            SELECT array_agg(key_id) AS key_ids, array_agg(kek_id) AS kek_ids, array_agg(wrapped) AS wrapped
            FROM data_key WHERE user_id = a.user_id AND key_id IN
                (data_key_of(a.api_key_sealed), data_key_of(a.api_secret_sealed), data_key_of(a.api_passphrase_sealed))) k ON true
        WHERE a.account_id = ANY ($1::bigint[])
        """,
        list(account_ids),
    )
    return [(_sealed_key(row), _data_keys(row)) for row in rows]


def _data_keys(row: Any) -> list[DataKey]:
    listed = zip(row["key_ids"] or (), row["kek_ids"] or (), row["wrapped"] or (), strict=True)
    return [DataKey(key_id, UserId(row["user_id"]), Wrapped(kek_id, wrapped)) for key_id, kek_id, wrapped in listed]


def _sealed_key(row: Any) -> SealedKey:
    return SealedKey(
        account_id=AccountId(row["account_id"]),
        user_id=UserId(row["user_id"]),
        api_key_sealed=row["api_key_sealed"],
        api_secret_sealed=row["api_secret_sealed"],
        fingerprint=row["api_key_fingerprint"],
        egress=row["egress"],
        hedge_mode=row["hedge_mode"],
        changed_at=row["changed_at"],
        api_passphrase_sealed=row["api_passphrase_sealed"],
    )


async def changed_since(pool: Pool, since: datetime | None) -> tuple[datetime, list[tuple[AccountId, datetime]]]:
    """Return the store's time, and the accounts changed after ``since`` (None: no account)."""
    now = await pool.fetchval("SELECT clock_timestamp()")
    if since is None:
        return now, []
    rows = await pool.fetch("SELECT account_id, changed_at FROM account WHERE changed_at > $1", since)
    return now, [(AccountId(row["account_id"]), row["changed_at"]) for row in rows]


async def accounts_that_left(pool: Pool, account_ids: Sequence[AccountId]) -> list[AccountId]:
    """Return which of the accounts trade no more: paused, quarantined or deleted, with no position open."""
    return [AccountId(row["account_id"]) for row in await pool.fetch(LEFT, list(account_ids))]


async def accounts_to_connect(
    pool: Pool, markets: Iterable[Market], busy: Sequence[AccountId], limit: int, where: Where
) -> list[AccountToConnect]:
    """Return accounts of ``markets`` that wait to be connected, or whose settings changed after their leverage was set; without
    ``busy``."""
    rows = await pool.fetch(TO_CONNECT, list(busy), [str(market) for market in markets], limit, where.slots, where.egresses)
    return [
        AccountToConnect(
            account_id=AccountId(row["account_id"]),
            user_id=UserId(row["user_id"]),
            market=_market(row),
            egress=row["egress"],
            ready=row["ready"],
            hedge_mode=row["hedge_mode"],
            wishes=Wishes(leverage=row["leverage"]),
            symbols=tuple(Symbol(symbol) for symbol in row["symbols"]),
            leverage_set={Symbol(name): value for name, value in zip(row["set_symbols"], row["set_leverages"], strict=True)},
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why an account must stop: in English, and as the reason and facts that its owner reads in their own language."""

    account_id: AccountId
    user_id: UserId
    reason: str
    code: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


async def quarantine_accounts(pool: Pool, quarantines: Iterable[Quarantine]) -> None:
    """Stop accounts from trading until their keys are replaced."""
    for each in quarantines:
        await pool.execute(QUARANTINE, each.account_id, each.user_id, each.reason, each.code, dict(each.facts))


async def note_modes(pool: Pool, account_ids: Sequence[AccountId], *, hedge_mode: bool) -> None:
    """Keep the position mode that the venue told; a change counts as one of the account's key."""
    await pool.execute(
        "UPDATE account SET hedge_mode = $2, changed_at = clock_timestamp() WHERE account_id = ANY ($1::bigint[]) AND hedge_mode <> $2",
        list(account_ids),
        hedge_mode,
    )


async def mark_ready(pool: Pool, account_ids: Sequence[AccountId]) -> None:
    """Let connected accounts trade; one that was quarantined meanwhile stays so."""
    await pool.execute(
        """UPDATE account SET status = 'ready', status_reason = NULL, status_code = NULL, status_facts = NULL
           WHERE account_id = ANY ($1::bigint[]) AND status = 'connecting'""",
        list(account_ids),
    )


async def counts_by_status(pool: Pool) -> dict[str, int]:
    return {
        row["status"]: row["accounts"]
        for row in await pool.fetch("SELECT status, count(*) AS accounts FROM account WHERE disconnected_at IS NULL GROUP BY 1")
    }


def _market(row: Any) -> Market:
    return Market(Venue(row["venue"]), Environment(row["environment"]))
