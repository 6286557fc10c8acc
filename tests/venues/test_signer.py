"""The signer against the library's own HMAC."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.signer import Signer


@given(st.binary(max_size=200), st.lists(st.binary(max_size=300), min_size=1, max_size=3))
def test_every_signature_is_the_one_of_the_standard(key: bytes, messages: list[bytes]) -> None:
    signer = Signer(key)
    for message in messages:
        assert signer.sign(message) == hmac.digest(key, message, "sha256").hex()


def test_it_shows_nothing_of_its_key() -> None:
    assert repr(Signer(b"secret")) == "<Signer>"
