"""Boxes: sealed by whoever has the public half, opened by the private one alone, in their place alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.vault.box import make_pair, open_box, seal_box
from marketbot.vault.sealing import Part, credential_aad, data_key_of, open_value, seal_value
from marketbot.vault.vault import MAX_PLAINTEXT_BYTES, VaultError

PRIVATE, PUBLIC = make_pair()
KEY = bytes(range(32))


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_what_is_put_in_comes_out(content: bytes, aad: bytes) -> None:
    sealed = seal_box(PUBLIC, content, aad=aad)
    assert open_box(PRIVATE, sealed, aad=aad) == content
    assert sealed != seal_box(PUBLIC, content, aad=aad)


@given(st.integers(0, 92), st.integers(1, 255))
def test_a_changed_box_does_not_open(position: int, change: int) -> None:
    sealed = bytearray(seal_box(PUBLIC, b"an exchange's secret, of 32 byte", aad=b"place"))
    sealed[position] ^= change
    with pytest.raises(VaultError):
        open_box(PRIVATE, bytes(sealed), aad=b"place")


def test_neither_another_pair_nor_another_place_opens_a_box() -> None:
    sealed = seal_box(PUBLIC, b"secret", aad=b"user 1")
    for private, aad in ((make_pair()[0], b"user 1"), (PRIVATE, b"user 2")):
        with pytest.raises(VaultError):
            open_box(private, sealed, aad=aad)
    for broken in (b"", b"\x01", sealed[:40], b"\x02" + sealed[1:], b"\x01" + bytes(32) + sealed[33:]):
        with pytest.raises(VaultError):
            open_box(PRIVATE, broken, aad=b"user 1")


def test_a_box_has_a_bound() -> None:
    with pytest.raises(VaultError):
        seal_box(PUBLIC, b"x" * (MAX_PLAINTEXT_BYTES + 1), aad=b"")
    with pytest.raises(VaultError):
        seal_value(1, KEY, b"x" * (MAX_PLAINTEXT_BYTES + 1), aad=b"")


def test_a_sealed_value_names_its_key_and_is_bound_to_user_account_and_key() -> None:
    here = credential_aad(1, 2, b"f", Part.SECRET)
    sealed = seal_value(7, KEY, b"secret", aad=here)
    assert data_key_of(sealed) == 7
    assert data_key_of(b"") is data_key_of(b"\x01" + sealed[1:]) is None
    assert open_value(KEY, sealed, aad=here) == b"secret"
    elsewhere = [
        credential_aad(2, 2, b"f", Part.SECRET),
        credential_aad(1, 3, b"f", Part.SECRET),
        credential_aad(1, 2, b"g", Part.SECRET),
        credential_aad(1, 2, b"f", Part.KEY),
    ]
    for aad in elsewhere:
        with pytest.raises(VaultError):
            open_value(KEY, sealed, aad=aad)
    renamed = sealed[:8] + b"\x08" + sealed[9:]
    assert data_key_of(renamed) == 8
    with pytest.raises(VaultError):
        open_value(KEY, renamed, aad=here)
