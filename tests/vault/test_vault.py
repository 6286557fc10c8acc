"""The vault: what it seals comes back to its own place only, and its key is nobody else's to read."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.vault.vault import MAX_PLAINTEXT_BYTES, Vault, VaultError, account_aad

VAULT = Vault(bytes(range(32)))


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_comes_back(plaintext: bytes, aad: bytes) -> None:
    sealed = VAULT.seal(plaintext, aad=aad)
    assert VAULT.open(sealed, aad=aad) == plaintext
    assert sealed != VAULT.seal(plaintext, aad=aad)
    assert len(plaintext) < 8 or plaintext not in sealed


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_changed_value_does_not_open(position: int, change: int) -> None:
    sealed = bytearray(VAULT.seal(b"an exchange's secret, of 32 byte", aad=b"place"))
    sealed[position] ^= change
    with pytest.raises(VaultError):
        VAULT.open(bytes(sealed), aad=b"place")


def test_a_moved_value_or_another_key_does_not_open() -> None:
    sealed = VAULT.seal(b"secret", aad=account_aad(1, b"f", "key"))
    for aad in (account_aad(2, b"f", "key"), account_aad(1, b"g", "key"), account_aad(1, b"f", "secret"), b""):
        with pytest.raises(VaultError):
            VAULT.open(sealed, aad=aad)
    with pytest.raises(VaultError):
        Vault(bytes(32)).open(sealed, aad=account_aad(1, b"f", "key"))
    for broken in (b"", b"\x01", sealed[:20], b"\x02" + sealed[1:]):
        with pytest.raises(VaultError):
            VAULT.open(broken, aad=account_aad(1, b"f", "key"))


def test_a_fingerprint_is_stable_and_keyed() -> None:
    assert VAULT.fingerprint("key-1") == VAULT.fingerprint("key-1") != VAULT.fingerprint("key-2")
    assert VAULT.fingerprint("key-1") != Vault(bytes(32)).fingerprint("key-1")
    assert b"key-1" not in VAULT.fingerprint("key-1")


def test_what_is_sealed_is_bounded() -> None:
    with pytest.raises(VaultError):
        VAULT.seal(b"x" * (MAX_PLAINTEXT_BYTES + 1), aad=b"")


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "vault.key"
    sealed = Vault.from_file(path).seal(b"secret", aad=b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Vault.from_file(path).open(sealed, aad=b"") == b"secret"
    assert [entry.name for entry in path.parent.iterdir()] == ["vault.key"]


def test_of_many_that_make_the_file_at_once_all_have_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    start = threading.Barrier(8)
    prints: list[bytes] = []

    def make() -> None:
        start.wait()
        prints.append(Vault.from_file(path).fingerprint("key"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(prints) == 8
    assert len(set(prints)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "vault.key"
    Vault.from_file(path)
    path.chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        Vault.from_file(path)


@pytest.mark.parametrize("content", ["", "zz" * 32, "00" * 31, "00" * 33])
def test_a_file_without_a_key_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vault.key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(VaultError) as raised:
        Vault.from_file(path)
    assert path.read_text() == content
    assert content == "" or content not in str(raised.value)


def test_nothing_of_the_key_shows() -> None:
    assert repr(VAULT) == "<Vault>"
    assert not hasattr(VAULT, "__dict__")
