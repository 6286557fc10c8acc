"""How a user connects an account, gives it another key, has it tested, and takes it away. For the API and the console alike.

Whoever calls has a transaction of the user's (``api.user_door``), behind the wall between users, and commits it. Nothing here opens a
key: it is sealed to the engines' box, and an engine takes it from there (``accounts.key_keeper``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from marketbot.accounts.handover import PAIR_AAD, box_aad, write_content
from marketbot.accounts.records import MAX_KEY_CHARS, MIN_KEY_CHARS, AccountRecord, Problem, read_record
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.key_reason import KeyReason, key_text
from marketbot.domain.reasons import Language
from marketbot.store import data_keys, key_boxes, key_checks, own_keys
from marketbot.store.key_boxes import KeyBox
from marketbot.store.own_keys import Holdings
from marketbot.store.pool import Connection
from marketbot.vault.box import seal_box
from marketbot.vault.vault import Vault

_ACCOUNT_FIELDS = frozenset({"label", "venue", "environment", "api_key", "api_secret", "passphrase", "follows"})
_KEY_FIELDS = frozenset({"api_key", "api_secret", "passphrase"})


class Objection(StrEnum):
    """Why nothing was done."""

    NOT_FOUND = "NOT_FOUND"
    LABEL_IN_USE = "LABEL_IN_USE"
    LIMIT_REACHED = "LIMIT_REACHED"
    KEY_IN_USE = "KEY_IN_USE"
    KEY_REVOKED = "KEY_REVOKED"
    SOURCE_UNKNOWN = "SOURCE_UNKNOWN"
    ENGINE_AWAY = "ENGINE_AWAY"
    BUSY = "BUSY"
    DISCONNECTED = "DISCONNECTED"


@dataclass(frozen=True, slots=True)
class KeyWish:
    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AccountWish:
    """An account as its owner wants it; practice unless real money is asked for."""

    record: AccountRecord
    key: KeyWish


def read_account(document: Mapping[str, Any]) -> AccountWish | list[Problem]:
    """Read what a user asks for, or all that is wrong with it. No problem repeats a value."""
    read = _read(document, _ACCOUNT_FIELDS, {})
    if isinstance(read, list):
        return read
    record, passphrase = read
    if passphrase is not None and not record.venue.startswith("ccxt:"):
        return [Problem(1, "passphrase", "is asked for by other venues alone")]
    return AccountWish(record, KeyWish(record.api_key, record.api_secret, passphrase))


def read_key(document: Mapping[str, Any]) -> KeyWish | list[Problem]:
    """Read another key for an account there is."""
    read = _read(document, _KEY_FIELDS, {"label": "a", "venue": "binance"})
    if isinstance(read, list):
        return read
    record, passphrase = read
    return KeyWish(record.api_key, record.api_secret, passphrase)


def read_follows(document: Mapping[str, Any]) -> frozenset[str] | list[Problem]:
    """Read which sources an account is to follow from now on: all that are named, and no others."""
    if "follows" not in document:
        return [Problem(1, "follows", "is missing")]
    stand_in = "-" * MIN_KEY_CHARS
    read = _read(
        document, frozenset({"follows"}), {"label": "a", "venue": "binance", "api_key": stand_in, "api_secret": stand_in}
    )
    return read if isinstance(read, list) else read[0].follows or frozenset()


async def connect(
    connection: Connection, vault: Vault, user_id: UserId, wish: AccountWish, *, limit: int, egresses: int
) -> AccountId | Objection:
    """Make an account that waits for an engine to take its key and prove it. ``limit``: accounts that a user may have.

    The label of a disconnected account of the same market connects that one again.
    """
    record = wish.record
    await data_keys.lock_keys(connection)
    own = await own_keys.labels(connection, user_id)
    found = own.get(record.label)
    if found is not None and not (found.gone and (found.venue, found.environment) == (record.venue, record.environment.value)):
        return Objection.LABEL_IN_USE
    if sum(each.counts for each in own.values() if each is not found) >= limit:
        return Objection.LIMIT_REACHED
    follows = sorted(record.follows or ())
    sources = await own_keys.sources_by_name(connection, follows)
    if len(sources) < len(follows):
        return Objection.SOURCE_UNKNOWN
    fingerprint = vault.fingerprint(wish.key.api_key)
    if (objection := await _object_to_key(connection, fingerprint, None if found is None else found.account_id)) is not None:
        return objection
    pair = await data_keys.public_half(connection)
    if pair is None:
        return Objection.ENGINE_AWAY
    if found is not None:
        account_id = found.account_id
    else:
        account_id = await own_keys.add_account(
            connection, user_id, record.label, record.venue, record.environment.value, fingerprint, egresses
        )
    await own_keys.follow(connection, account_id, sources)
    await _put(connection, vault, pair, user_id, account_id, fingerprint, wish.key)
    return account_id


async def follow_sources(
    connection: Connection, user_id: UserId, account_id: AccountId, names: frozenset[str]
) -> bool | Objection:
    """Let an account follow exactly these sources; False where it did already.

    What a source opened stays open, with its stop and target, when the source is followed no more: its closes do not reach it then.
    """
    standing = await own_keys.standing(connection, user_id, account_id)
    if standing is None:
        return Objection.NOT_FOUND
    if standing.disconnected:
        return Objection.DISCONNECTED
    sources = await own_keys.sources_by_name(connection, sorted(names))
    if len(sources) < len(names):
        return Objection.SOURCE_UNKNOWN
    return await own_keys.replace_follows(connection, user_id, account_id, sources)


async def replace_key(
    connection: Connection, vault: Vault, user_id: UserId, account_id: AccountId, key: KeyWish
) -> Objection | None:
    """Hand in another key for an account. The one it has trades on until an engine has taken the new one."""
    await data_keys.lock_keys(connection)
    standing = await own_keys.standing(connection, user_id, account_id)
    if standing is None:
        return Objection.NOT_FOUND
    if standing.disconnected:
        return Objection.DISCONNECTED
    fingerprint = vault.fingerprint(key.api_key)
    if (objection := await _object_to_key(connection, fingerprint, account_id)) is not None:
        return objection
    pair = await data_keys.public_half(connection)
    if pair is None:
        return Objection.ENGINE_AWAY
    await _put(connection, vault, pair, user_id, account_id, fingerprint, key)
    return None


async def ask_test(connection: Connection, user_id: UserId, account_id: AccountId) -> Objection | None:
    """Have the venue asked anew about an account's key: a ready account trades on meanwhile, a quarantined one is connected again."""
    standing = await own_keys.standing(connection, user_id, account_id)
    if standing is None:
        return Objection.NOT_FOUND
    if standing.disconnected:
        return Objection.DISCONNECTED
    await own_keys.retry(connection, user_id, account_id)
    await key_checks.ask(connection, user_id, account_id)
    return None


async def disconnect(connection: Connection, user_id: UserId, account_id: AccountId, *, force: bool) -> Holdings | Objection:
    """Take an account's key away; its books stay. Refused while it holds anything, unless ``force``: what rests at the venue rests there.

    Doing it twice is doing it once.
    """
    await data_keys.lock_keys(connection)
    if await own_keys.standing(connection, user_id, account_id) is None:
        return Objection.NOT_FOUND
    holdings = await own_keys.holdings(connection, user_id, account_id)
    if holdings.any and not force:
        return Objection.BUSY
    reason = KeyReason.DISCONNECTED
    await own_keys.disconnect(connection, user_id, account_id, reason, key_text(reason, {}, Language.EN))
    return holdings


def _read(
    document: Mapping[str, Any], fields: frozenset[str], stand_ins: Mapping[str, str]
) -> tuple[AccountRecord, str | None] | list[Problem]:
    """Read a document by the rules of accounts files. A name that is not known is told back cut: it is the caller's own text."""
    if unknown := sorted(document.keys() - fields):
        return [Problem(1, name[:64], "is not known here") for name in unknown[:10]]
    values = {name: value for name, value in document.items() if name != "passphrase"}
    read = read_record(1, {"user": "a", **stand_ins, **values})
    passphrase = document.get("passphrase")
    if passphrase is not None and not _is_passphrase(passphrase):
        problem = Problem(1, "passphrase", "must be plain characters, as it was chosen at the venue")
        return [*(read if isinstance(read, list) else []), problem]
    return read if isinstance(read, list) else (read, passphrase or None)


def _is_passphrase(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_KEY_CHARS and value.isascii() and value.isprintable()


async def _object_to_key(connection: Connection, fingerprint: bytes, account_id: AccountId | None) -> Objection | None:
    found = await own_keys.key_objection(connection, fingerprint, account_id)
    return None if found is None else Objection.KEY_REVOKED if found == "revoked" else Objection.KEY_IN_USE


async def _put(
    connection: Connection,
    vault: Vault,
    pair: tuple[int, bytes],
    user_id: UserId,
    account_id: AccountId,
    fingerprint: bytes,
    key: KeyWish,
) -> None:
    box_key_id, public_sealed = pair
    public = vault.open(public_sealed, aad=PAIR_AAD)
    content = write_content(key.api_key, key.secret, key.passphrase)
    sealed = seal_box(public, content, aad=box_aad(box_key_id, user_id, account_id, fingerprint))
    await key_boxes.put(connection, KeyBox(account_id, user_id, box_key_id, sealed, fingerprint))
    await own_keys.tell_engines(connection, user_id)
