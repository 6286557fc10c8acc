"""A sealed file opens whole and unchanged, or not at all."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.backup.errors import BackupDamagedError, BackupKeyError
from marketbot.backup.key import BackupKey
from marketbot.backup.seal import FRAME_BYTES, MAGIC, SALT_BYTES, Sealer, open_sealed

KEY = BackupKey(bytes(range(32)))
OTHER = BackupKey(bytes(32))
PLACE = "20260101T000000000Z-abc123/orders.copy.gz.sealed"
HEADER = len(MAGIC) + SALT_BYTES + 8
THREE_FRAMES = bytes(range(251)) * (2 * FRAME_BYTES // 251 + 40)


def sealed(plaintext: bytes, *, piece: int = 100_000) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out.write, KEY, PLACE)
    for start in range(0, len(plaintext), piece):
        sealer.write(plaintext[start : start + piece])
    sealer.close()
    return out.getvalue()


def opened(data: bytes, key: BackupKey = KEY, place: str = PLACE) -> bytes:
    return b"".join(open_sealed(io.BytesIO(data), key, place))


def frames(data: bytes) -> list[bytes]:
    """Cut a sealed file into its frames, each with its head."""
    found, at = [], HEADER
    while at < len(data):
        _, length = struct.unpack_from(">BI", data, at)
        found.append(data[at : at + 5 + length])
        at += 5 + length
    return found


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES])
def test_every_size_comes_back(size: int) -> None:
    plaintext = THREE_FRAMES[:size]
    assert opened(sealed(plaintext)) == plaintext


def test_the_same_rows_never_look_the_same() -> None:
    assert sealed(b"rows") != sealed(b"rows")


@pytest.mark.parametrize("bit", range(8))
def test_no_bit_can_be_turned(bit: int) -> None:
    whole = sealed(b"a few rows of a table")
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << bit
        with pytest.raises((BackupDamagedError, BackupKeyError)):
            opened(bytes(changed))


@given(st.integers(0, len(sealed(b"x" * 500)) - 1))
def test_no_beginning_of_a_file_passes_for_the_whole(length: int) -> None:
    with pytest.raises(BackupDamagedError):
        opened(sealed(b"x" * 500)[:length])


def test_frames_are_neither_dropped_nor_moved_nor_repeated() -> None:
    whole = sealed(THREE_FRAMES)
    first, second, third = frames(whole)
    header = whole[:HEADER]
    for wrong in (
        [first, second],  # cut short where a frame ends
        [first, third],
        [second, first, third],
        [first, first, second, third],
        [first, second, third, third],
        [third],
    ):
        with pytest.raises(BackupDamagedError):
            opened(header + b"".join(wrong))
    assert opened(header + first + second + third) == THREE_FRAMES


def test_a_frame_of_another_file_does_not_open() -> None:
    one, two = sealed(THREE_FRAMES), sealed(THREE_FRAMES)
    mixed = one[:HEADER] + b"".join([frames(one)[0], frames(two)[1], frames(one)[2]])
    with pytest.raises(BackupDamagedError):
        opened(mixed)


def test_a_file_opens_only_in_its_own_place() -> None:
    with pytest.raises(BackupDamagedError):
        opened(sealed(b"rows"), place="20260101T000000000Z-abc123/account.copy.gz.sealed")


def test_another_key_is_told_by_its_name_and_shows_no_secret() -> None:
    with pytest.raises(BackupKeyError, match=f"{KEY.fingerprint}.*{OTHER.fingerprint}") as told:
        opened(sealed(b"rows"), key=OTHER)
    assert bytes(32).hex() not in str(told.value)
    assert bytes(range(32)).hex() not in repr(KEY)


def test_a_key_file_is_private_and_holds_a_key(tmp_path: Path) -> None:
    path = tmp_path / "backup.key"
    with pytest.raises(BackupKeyError, match="cannot be read"):
        BackupKey.from_file(path)
    path.write_text(bytes(range(32)).hex() + "\n")
    path.chmod(0o644)
    with pytest.raises(BackupKeyError, match="may be read by others"):
        BackupKey.from_file(path)
    path.chmod(0o600)
    assert BackupKey.from_file(path).fingerprint == KEY.fingerprint
    path.write_text("not a key")
    with pytest.raises(BackupKeyError, match="holds no key"):
        BackupKey.from_file(path)
