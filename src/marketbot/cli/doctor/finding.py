"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    FINE = "fine"
    ADVICE = "advice"
    """Worth knowing; nothing is broken."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result. ``todo`` says what to do about it; empty where all is well."""

    check: str
    level: Level
    sentence: str
    todo: str = ""


def fine(check: str, sentence: str) -> Finding:
    return Finding(check, Level.FINE, sentence)


def advice(check: str, sentence: str, todo: str) -> Finding:
    return Finding(check, Level.ADVICE, sentence, todo)


def wrong(check: str, sentence: str, todo: str) -> Finding:
    return Finding(check, Level.WRONG, sentence, todo)
