"""Key-encryption keys: where they come from, what they open, and that a new one is taken up at work."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from marketbot.vault.kek import MAX_KEKS, Kek, KekMissing, LateKek, NoKek, add_key, drop_key, kek_id, open_kek
from marketbot.vault.vault import VaultError

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
SECRET = b"a data key of thirty-two bytes.."


async def test_a_wrapped_key_comes_back_in_its_place_alone() -> None:
    kek = Kek(lambda: [ONE])
    wrapped = await kek.wrap(SECRET, aad=b"user 1")
    assert wrapped.kek_id == kek_id(ONE) == kek.current
    assert SECRET not in wrapped.sealed
    assert await kek.unwrap(wrapped, aad=b"user 1") == SECRET
    with pytest.raises(VaultError):
        await kek.unwrap(wrapped, aad=b"user 2")
    with pytest.raises(KekMissing):
        await Kek(lambda: [TWO]).unwrap(wrapped, aad=b"user 1")


async def test_the_first_key_wraps_and_every_key_unwraps() -> None:
    old = await Kek(lambda: [ONE]).wrap(SECRET, aad=b"")
    both = Kek(lambda: [TWO, ONE])
    assert await both.unwrap(old, aad=b"") == SECRET
    assert (await both.wrap(SECRET, aad=b"")).kek_id == kek_id(TWO)


async def test_a_key_that_is_added_to_the_file_is_taken_up_at_work(tmp_path: Path) -> None:
    at_work = open_kek(tmp_path, {}, make=True)
    fresh = add_key(tmp_path / "kek.key")
    assert at_work.current != fresh
    wrapped = await open_kek(tmp_path, {}).wrap(SECRET, aad=b"")
    assert wrapped.kek_id == fresh
    assert await at_work.unwrap(wrapped, aad=b"") == SECRET
    assert at_work.current == fresh


def test_a_key_is_dropped_from_the_file_unless_it_is_the_current_one(tmp_path: Path) -> None:
    first = open_kek(tmp_path, {}, make=True).current
    path = tmp_path / "kek.key"
    fresh = add_key(path)
    with pytest.raises(VaultError):
        drop_key(path, fresh)
    drop_key(path, first)
    assert open_kek(tmp_path, {}).known == (fresh,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_holds_so_many_and_no_more(tmp_path: Path) -> None:
    open_kek(tmp_path, {}, make=True)
    for _ in range(MAX_KEKS - 1):
        add_key(tmp_path / "kek.key")
    with pytest.raises(VaultError, match="retire"):
        add_key(tmp_path / "kek.key")


def test_where_keys_come_from(tmp_path: Path) -> None:
    with pytest.raises(KekMissing):
        open_kek(tmp_path, {})
    named = tmp_path / "elsewhere"
    with pytest.raises(KekMissing):
        open_kek(tmp_path, {"MARKETBOT_KEK_FILE": str(named)}, make=True)
    assert not named.exists()
    named.write_text(f"{TWO.hex()}\n{ONE.hex()}\n")
    named.chmod(0o600)
    assert open_kek(tmp_path, {"MARKETBOT_KEK_FILE": str(named)}).known == (kek_id(TWO), kek_id(ONE))
    given = {"MARKETBOT_KEK": f"{ONE.hex()},{TWO.hex()}", "MARKETBOT_KEK_FILE": str(named)}
    assert open_kek(tmp_path, given).known == (kek_id(ONE), kek_id(TWO))
    named.chmod(0o644)
    with pytest.raises(VaultError, match="read by others"):
        open_kek(tmp_path, {"MARKETBOT_KEK_FILE": str(named)})


@pytest.mark.parametrize("text", ["", "zzzz-zzzz", "abcd", ONE.hex() + "00", ",".join([ONE.hex()] * (MAX_KEKS + 1))])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(VaultError) as raised:
        open_kek(tmp_path, {"MARKETBOT_KEK": text} if text else {"MARKETBOT_KEK": " "})
    assert not text or text not in str(raised.value)


async def test_a_key_that_comes_late_is_found_when_it_is_needed(tmp_path: Path) -> None:
    late = LateKek(lambda: open_kek(tmp_path, {}))
    with pytest.raises(KekMissing):
        await late.wrap(SECRET, aad=b"")
    made = open_kek(tmp_path, {}, make=True)
    wrapped = await late.wrap(SECRET, aad=b"")
    assert await made.unwrap(wrapped, aad=b"") == await late.unwrap(wrapped, aad=b"") == SECRET
    assert late.current == made.current


async def test_a_process_without_keys_opens_and_wraps_nothing() -> None:
    wrapped = await Kek(lambda: [ONE]).wrap(SECRET, aad=b"")
    with pytest.raises(KekMissing):
        await NoKek().unwrap(wrapped, aad=b"")
    with pytest.raises(KekMissing):
        await NoKek().wrap(SECRET, aad=b"")


def test_no_repr_shows_a_key() -> None:
    kek = Kek(lambda: [ONE])
    assert ONE.hex()[:12] not in repr(kek)
    assert kek_id(ONE) not in ONE.hex()
