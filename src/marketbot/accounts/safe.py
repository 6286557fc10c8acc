"""Accounts' keys sealed and opened: by their users' data keys, which a key-encryption key wraps. For engines and the operator's commands.

The API has no such thing: it seals to the engines' box (``accounts.onboarding``), and can open nothing of an account.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from marketbot.accounts.handover import PAIR_AAD, Secrets
from marketbot.domain.ids import AccountId, UserId
from marketbot.ports import KeyWrapper
from marketbot.settings import Settings
from marketbot.store import data_keys
from marketbot.store.accounts import SealedKey
from marketbot.store.data_keys import DataKey
from marketbot.store.pool import Connection
from marketbot.vault.box import make_pair
from marketbot.vault.kek import KekMissing, kek_file, open_kek
from marketbot.vault.sealing import Part, credential_aad, data_key_aad, data_key_of, open_value, seal_value
from marketbot.vault.vault import KEY_BYTES, Vault, VaultError, account_aad


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A user's data key, unwrapped for as long as a page of accounts takes."""

    key_id: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A credential as it is stored."""

    api_key: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    passphrase: bytes | None = field(default=None, repr=False)


class Safe:
    """``vault`` makes the fingerprints, as in the API, and opens what it sealed before there were data keys."""

    __slots__ = ("kek", "vault")

    def __init__(self, vault: Vault, kek: KeyWrapper) -> None:
        self.vault = vault
        self.kek = kek

    def __repr__(self) -> str:
        return f"<Safe {self.kek!r}>"

    def fingerprint(self, api_key: str) -> bytes:
        return self.vault.fingerprint(api_key)

    def seal(self, key: OpenKey, user_id: UserId, account_id: AccountId, fingerprint: bytes, clear: Secrets) -> Sealed:
        """Seal a credential for one account of one user."""

        def sealed(part: Part, text: bytes) -> bytes:
            return seal_value(key.key_id, key.key, text, aad=credential_aad(user_id, account_id, fingerprint, part))

        return Sealed(
            sealed(Part.KEY, clear.api_key),
            sealed(Part.SECRET, clear.secret),
            None if clear.passphrase is None else sealed(Part.PASSPHRASE, clear.passphrase),
        )

    def open(self, keys: Mapping[int, OpenKey], row: SealedKey) -> Secrets:
        """Open an account's credential with the data keys of ``open_keys``.

        Raises:
            VaultError: there is no key, it was sealed elsewhere, or it was changed.
        """

        def opened(part: Part, sealed: bytes) -> bytes:
            number = data_key_of(sealed)
            if number is None:
                return self.vault.open(sealed, aad=account_aad(row.user_id, row.fingerprint, part))
            key = keys.get(number)
            if key is None:
                raise VaultError("the data key of a sealed value is not there")
            return open_value(key.key, sealed, aad=credential_aad(row.user_id, row.account_id, row.fingerprint, part))

        passphrase = row.api_passphrase_sealed
        return Secrets(
            opened(Part.KEY, row.api_key_sealed),
            opened(Part.SECRET, row.api_secret_sealed),
            None if passphrase is None else opened(Part.PASSPHRASE, passphrase),
        )

    async def open_keys(self, wrapped: Iterable[DataKey]) -> dict[int, OpenKey]:
        """Unwrap data keys; one whose key-encryption key is not here, or that was changed, is left out."""
        found: dict[int, OpenKey] = {}
        for each in wrapped:
            try:
                key = await self.kek.unwrap(each.wrapped, aad=data_key_aad(each.user_id))
            except VaultError:
                continue
            found[each.key_id] = OpenKey(each.key_id, key)
        return found

    async def keys_of(self, connection: Connection, users: Sequence[UserId]) -> dict[UserId, OpenKey]:
        """Return the current data keys of users, making those that are missing. In a transaction that holds ``lock_keys``.

        Raises:
            VaultError: a user's key cannot be unwrapped here.
        """
        present = await data_keys.current_keys(connection, users)
        found = {user_id: OpenKey(each.key_id, await self._unwrap(each)) for user_id, each in present.items()}
        missing = [user_id for user_id in users if user_id not in found]
        return found | await self.new_keys(connection, missing)

    async def new_keys(self, connection: Connection, users: Sequence[UserId]) -> dict[UserId, OpenKey]:
        """Give users fresh data keys; those they had are retired. In a transaction that holds ``lock_keys``."""
        if not users:
            return {}
        fresh = {user_id: secrets.token_bytes(KEY_BYTES) for user_id in users}
        wrapped = [(user_id, await self.kek.wrap(key, aad=data_key_aad(user_id))) for user_id, key in fresh.items()]
        added = await data_keys.add_keys(connection, wrapped)
        return {user_id: OpenKey(added[user_id].key_id, key) for user_id, key in fresh.items()}

    async def new_box_key(self, connection: Connection) -> None:
        """Make the pair that users' keys are sealed to from now on. In a transaction that holds ``lock_keys``."""
        private, public = make_pair()
        wrapped = await self.kek.wrap(private, aad=PAIR_AAD)
        await data_keys.add_box_key(connection, self.vault.seal(public, aad=PAIR_AAD), wrapped)

    async def _unwrap(self, key: DataKey) -> bytes:
        return await self.kek.unwrap(key.wrapped, aad=data_key_aad(key.user_id))


async def ensure_kek(connection: Connection, data_dir: Path) -> Path | None:
    """Make a key-encryption key for an installation that never had one; return where, or None where there is one.

    Raises:
        KekMissing: something is wrapped already, so a fresh key would be the wrong one; or the file that is named is not there.
    """
    try:
        open_kek(data_dir)
    except KekMissing:
        if await data_keys.any_wrapped(connection):
            raise
        open_kek(data_dir, make=True)
        return kek_file(data_dir)
    return None


def open_safe(settings: Settings, *, make: bool = True) -> Safe:
    """Open the installation's safe.

    Raises:
        VaultError: a key file cannot be used; ``KekMissing``: there is none, and ``make`` is not given.
    """
    return safe_in(settings.data_dir, make=make)


def safe_in(data_dir: Path, *, make: bool = True) -> Safe:
    """The same for a data directory."""
    return Safe(Vault.from_file(Settings.vault_key_file_in(data_dir)), open_kek(data_dir, make=make))
