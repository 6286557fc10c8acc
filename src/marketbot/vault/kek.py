"""The key-encryption keys: what wraps users' data keys. Engines and the operator's command line hold them, the API never does.

Where they come from, the first that is there: ``MARKETBOT_KEK`` (keys in hexadecimal, the current one first, separated by commas),
``MARKETBOT_KEK_FILE`` (the same, one a line), the data directory's ``kek.key``. They are no part of ``Settings``, which every process has.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketbot.ports import Wrapped
from marketbot.settings import KEK_FILE_VARIABLE, KEK_VARIABLE
from marketbot.store.embedded.data_dir import write_private
from marketbot.vault.vault import KEY_BYTES, NONCE_BYTES, VaultError

KEK_FILE_NAME = "kek.key"
MAX_KEKS = 16
"""Keys in one source: the current one, and those that older wrappings and backups need."""
MAX_KEK_FILE_BYTES = 8 * 1024
ID_CHARS = 16
LOOK_AGAIN_S = 1.0
"""Something that is wrapped later than this after a rotation is wrapped by the new key."""


class KekMissing(VaultError):
    """The key-encryption key that something was wrapped with is not here."""


class Kek:
    """Wraps with the first key of its source, unwraps with any. A key that it does not know makes it look at its source again, so an engine
    at work takes up a new one without a restart.

    Fulfils ``ports.KeyWrapper``.
    """

    def __init__(self, load: Callable[[], Sequence[bytes]]) -> None:
        self._load = load
        self._keys: dict[str, AESGCM] = {}
        self._loaded_at_s = 0.0
        self.reload()

    def __repr__(self) -> str:
        return f"<Kek {self.current}, {len(self._keys)} known>"

    @property
    def current(self) -> str:
        return next(iter(self._keys))

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def reload(self) -> None:
        """Read the source again.

        Raises:
            VaultError: it holds no key, too many, or may be read by others.
        """
        keys = self._load()
        self._loaded_at_s = time.monotonic()
        if not 0 < len(keys) <= MAX_KEKS or any(len(key) != KEY_BYTES for key in keys):
            raise VaultError(f"a key-encryption key has {KEY_BYTES} bytes, and there are 1 to {MAX_KEKS} of them")
        self._keys = {kek_id(key): AESGCM(hmac.digest(key, b"marketbot kek wrap 1", "sha256")) for key in keys}

    async def wrap(self, secret: bytes, *, aad: bytes) -> Wrapped:
        if time.monotonic() - self._loaded_at_s >= LOOK_AGAIN_S:
            self.reload()
        current, nonce = self.current, secrets.token_bytes(NONCE_BYTES)
        return Wrapped(current, nonce + self._keys[current].encrypt(nonce, secret, _bound(current, aad)))

    async def unwrap(self, wrapped: Wrapped, *, aad: bytes) -> bytes:
        if wrapped.kek_id not in self._keys:
            self.reload()
        key = self._keys.get(wrapped.kek_id)
        if key is None:
            raise KekMissing(f"the key-encryption key {wrapped.kek_id} is not among those here ({', '.join(self._keys)})")
        try:
            return key.decrypt(wrapped.sealed[:NONCE_BYTES], wrapped.sealed[NONCE_BYTES:], _bound(wrapped.kek_id, aad))
        except InvalidTag:
            raise VaultError("a wrapped key was changed or moved") from None


class NoKek:
    """What a process holds that must open nothing of an account. Fulfils ``ports.KeyWrapper`` by refusing."""

    current = "none"

    def __repr__(self) -> str:
        return "<NoKek>"

    async def wrap(self, secret: bytes, *, aad: bytes) -> Wrapped:
        raise KekMissing("this process holds no key-encryption key")

    async def unwrap(self, wrapped: Wrapped, *, aad: bytes) -> bytes:
        raise KekMissing("this process holds no key-encryption key")


class LateKek:
    """Keys that are not here yet, and are looked for whenever one is needed. Fulfils ``ports.KeyWrapper``."""

    def __init__(self, find: Callable[[], Kek]) -> None:
        self._find = find
        self._found: Kek | None = None

    def __repr__(self) -> str:
        return f"<LateKek {self._found!r}>"

    @property
    def current(self) -> str:
        return self._kek().current

    async def wrap(self, secret: bytes, *, aad: bytes) -> Wrapped:
        return await self._kek().wrap(secret, aad=aad)

    async def unwrap(self, wrapped: Wrapped, *, aad: bytes) -> bytes:
        return await self._kek().unwrap(wrapped, aad=aad)

    def _kek(self) -> Kek:
        if self._found is None:
            self._found = self._find()
        return self._found


def kek_id(key: bytes) -> str:
    """Return the name of a key: a keyed digest, which tells nothing about it."""
    return hmac.digest(key, b"marketbot kek id 1", "sha256").hex()[:ID_CHARS]


def open_kek(data_dir: Path, environment: Mapping[str, str] | None = None, *, make: bool = False) -> Kek:
    """Open the installation's key-encryption keys. ``make`` makes a file in the data directory where no key is given at all.

    Raises:
        KekMissing: there is none, and none may be made.
        VaultError: what there is cannot be used.
    """
    given = os.environ if environment is None else environment
    if given.get(KEK_VARIABLE):
        text = given[KEK_VARIABLE]
        return Kek(lambda: read_keys(text, KEK_VARIABLE))
    path = kek_file(data_dir, given)
    if not path.exists():
        if given.get(KEK_FILE_VARIABLE) or not make:
            raise KekMissing(f"there is no key-encryption key: neither {KEK_VARIABLE} nor the file {path} is there")
        _make_file(path)
    return Kek(lambda: read_keys(_read_file(path), str(path)))


def kek_file(data_dir: Path, environment: Mapping[str, str] | None = None) -> Path:
    given = os.environ if environment is None else environment
    named = given.get(KEK_FILE_VARIABLE)
    return Path(named) if named else data_dir / KEK_FILE_NAME


def add_key(path: Path) -> str:
    """Put a fresh key before those of a file, which stay; return its id. Whole or not at all."""
    text = _read_file(path)
    if len(read_keys(text, str(path))) >= MAX_KEKS:
        raise VaultError(f"{path} holds {MAX_KEKS} keys already: retire those that nothing needs any more")
    fresh = secrets.token_bytes(KEY_BYTES)
    write_private(path, f"{fresh.hex()}\n{text.strip()}\n")
    return kek_id(fresh)


def drop_key(path: Path, named: str) -> None:
    """Take a key that is not the current one out of a file."""
    keys = read_keys(_read_file(path), str(path))
    if named == kek_id(keys[0]) or named not in [kek_id(key) for key in keys]:
        raise VaultError(f"{named} is the current key, or is not in {path}")
    write_private(path, "".join(f"{key.hex()}\n" for key in keys if kek_id(key) != named))


def read_keys(text: str, source: str) -> list[bytes]:
    """Read keys in hexadecimal, separated by commas or line ends. No message quotes the text."""
    try:
        return [bytes.fromhex(part.strip()) for part in text.replace(",", "\n").splitlines() if part.strip()]
    except ValueError:
        raise VaultError(
            f"{source} holds no key-encryption keys: each is written as {2 * KEY_BYTES} hexadecimal digits"
        ) from None


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(MAX_KEK_FILE_BYTES)
    except OSError as error:
        raise KekMissing(f"the key-encryption key file {path} cannot be read ({error.strerror})") from None
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise VaultError(f"the key file {path} may be read by others: take their rights away (chmod 600)")
    return content.decode("ascii", "replace")


def _make_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    write_private(draft, secrets.token_bytes(KEY_BYTES).hex() + "\n")
    try:
        os.link(draft, path)  # of two processes that make one at once, one wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _bound(name: str, aad: bytes) -> bytes:
    return b"kek 1 " + name.encode() + b" " + aad
