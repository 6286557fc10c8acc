"""An installation under siege, without the limits that would end an attack early: others try those."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from marketbot.api import admission, channel_changes, exports, limits, newcomers
from marketbot.domain.gcra import Rate
from marketbot.people import changes, login, passwords
from marketbot.people import newcomers as people_newcomers
from marketbot.people import passkeys as people_passkeys
from marketbot.privacy import erasing

from .addresses import Address, all_addresses
from .siege import Siege, siege_of

_LIMITS = (
    (admission, ("USER_COMMANDS", "TOKEN_READS")),
    (limits, ("LOGIN",)),
    (login, ("LOGIN_ADDRESS", "LOGIN_EMAIL", "SECOND_FACTOR")),
    (newcomers, ("MAIL_ADDRESS",)),
    (people_newcomers, ("LOGIN_ADDRESS",)),
    (people_passkeys, ("LOGIN_ADDRESS",)),
    (changes, ("LOGIN_ADDRESS", "SECOND_FACTOR")),
    (channel_changes, ("CHANNEL_CODES",)),
    (exports, ("EXPORTS",)),
    (erasing, ("LOGIN_ADDRESS", "SECOND_FACTOR")),
)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash quickly, and count without an end."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)
    for module, names in _LIMITS:
        for name in names:
            monkeypatch.setattr(module, name, replace(getattr(module, name), rate=Rate.per(1_000_000, 60)))


@pytest.fixture
async def siege(database: str, tmp_path: Path, patient: None) -> AsyncIterator[Siege]:
    async with siege_of(database, tmp_path) as made:
        yield made


@pytest.fixture
def addresses(tmp_path: Path) -> list[Address]:
    return all_addresses(tmp_path)
