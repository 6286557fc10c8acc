"""Passwords: what they must be, how they are hashed, and that nobody is told from nobody by the work it takes."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from marketbot.people import passwords
from marketbot.people.email_address import read_email
from marketbot.people.password_rules import MIN_PASSWORD_CHARS, PasswordFault, password_fault
from marketbot.people.passwords import MAX_IN_LINE, HashingFull, Passwords

EMAIL = "maria.silva@example.org"


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short", PasswordFault.TOO_SHORT),
        ("x" * 11, PasswordFault.TOO_SHORT),
        ("long" * 100, PasswordFault.TOO_LONG),
        ("qwertyuiop123", PasswordFault.COMMON),
        ("SenhaSenha2024!", PasswordFault.COMMON),
        ("aaaaaaaaaaaaaa", PasswordFault.COMMON),
        ("abcabcabcabcab", PasswordFault.COMMON),
        ("abcdefghijklmn", PasswordFault.COMMON),
        ("nmlkjihgfedcba", PasswordFault.COMMON),
        (EMAIL.upper(), PasswordFault.LIKE_EMAIL),
        ("maria.silvamaria.silva", PasswordFault.LIKE_EMAIL),
        ("um cavalo atravessa a ponte", None),
        ("no digits and no signs", None),
        ("x9!kQ2vLm#7z", None),
    ],
)
def test_a_password_is_long_and_none_that_guessing_begins_with(password: str, fault: PasswordFault | None) -> None:
    assert password_fault(password, EMAIL) is fault


def test_the_bundled_list_can_be_met() -> None:
    """Short entries stand for what people append to them."""
    assert password_fault("password" + "1" * (MIN_PASSWORD_CHARS - 8), EMAIL) is PasswordFault.COMMON


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (" Maria.Silva@Example.org ", "maria.silva@example.org"),
        ("a+b@sub.example.org", "a+b@sub.example.org"),
        ("nobody", None),
        ("two@@example.org", None),
        ("a b@example.org", None),
        ("a@example", None),
        ("a@example.org\nBcc: x@example.org", None),
        ("a..b@example.org", None),
        ("x" * 65 + "@example.org", None),
        ("a@" + "b" * 300 + ".org", None),
        ("é@example.org", None),
    ],
)
def test_addresses(text: str, read: str | None) -> None:
    assert read_email(text) == read


class Noting(PasswordHasher):
    """Notes with which costs it was asked to verify, in which thread."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[tuple[int, int, int, int]] = []
        self.threads: set[int] = set()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        found = extract_parameters(str(hash))
        self.verified.append((found.memory_cost, found.time_cost, found.parallelism, found.hash_len))
        self.threads.add(threading.get_ident())
        return super().verify(hash, password)  # type: ignore[return-value]


async def test_nobodys_password_takes_the_same_work() -> None:
    hasher = Noting()
    hashing = Passwords(hasher)
    stored = await hashing.hash("the right one")
    assert await hashing.verify("the right one", stored)
    assert not await hashing.verify("a wrong one", stored)
    assert not await hashing.verify("whatever", None)
    assert len(hasher.verified) == 3
    assert len(set(hasher.verified)) == 1
    assert threading.get_ident() not in hasher.threads
    with pytest.raises(VerifyMismatchError):
        PasswordHasher.verify(hasher, hashing._nobodys, "whatever")
    hashing.close()


async def test_the_costs_in_use_are_what_the_page_says() -> None:
    hashing = Passwords()
    found = extract_parameters(await hashing.hash("a long enough password"))
    assert (found.type.name, found.memory_cost, found.time_cost, found.parallelism) == ("ID", 65_536, 3, 1)
    assert not hashing.is_old(await hashing.hash("another one"))
    assert hashing.is_old(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))
    hashing.close()


async def test_the_same_letters_are_the_same_password_however_composed() -> None:
    hashing = Passwords(Noting())
    stored = await hashing.hash("coração de leão")
    assert await hashing.verify("corac\u0327a\u0303o de lea\u0303o", stored)
    hashing.close()


class Held(PasswordHasher):
    """Verifies when it is let."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        assert self.go.wait(60)
        return super().verify(hash, password)  # type: ignore[return-value]


async def test_the_line_is_bounded_and_whoever_leaves_it_makes_room() -> None:
    hasher = Held()
    hashing = Passwords(hasher)
    asking = [asyncio.create_task(hashing.verify("x", None)) for _ in range(MAX_IN_LINE)]
    await asyncio.sleep(0)
    assert repr(hashing) == f"<Passwords {MAX_IN_LINE} of {MAX_IN_LINE} in line>"
    with pytest.raises(HashingFull):
        await hashing.verify("x", None)
    asking[-1].cancel()
    await asyncio.gather(asking[-1], return_exceptions=True)
    assert repr(hashing) == f"<Passwords {MAX_IN_LINE - 1} of {MAX_IN_LINE} in line>"
    hasher.go.set()
    assert await asyncio.gather(*asking[:-1]) == [False] * (MAX_IN_LINE - 1)
    assert repr(hashing) == f"<Passwords 0 of {MAX_IN_LINE} in line>"
    hashing.close()


def test_no_more_threads_than_two() -> None:
    assert 1 <= Passwords()._threads._max_workers <= passwords.MAX_THREADS
