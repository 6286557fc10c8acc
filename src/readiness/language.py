"""Texts in English and Portuguese: two catalogues of the same keys, so that no report is half translated."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any


class Language(StrEnum):
    EN = "en"
    PT = "pt"

    @property
    def tag(self) -> str:
        """The name that browsers know it by."""
        return "pt-BR" if self is Language.PT else "en"


class Texts:
    """One language's catalogue, looked up by dotted keys."""

    def __init__(self, language: Language, catalogue: Mapping[str, str]) -> None:
        self.language = language
        self.catalogue = catalogue

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its values in place.

        Raises:
            KeyError: the catalogue has no such text; a test sees to it that both have the same.
        """
        text = self.catalogue[key]
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        return key in self.catalogue

    def number(self, value: float, places: int = 1) -> str:
        """Write a number as the language does: thousands apart, and no more decimals than it has."""
        text = f"{value:,.{places}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        if self.language is Language.PT:
            text = text.translate(str.maketrans(",.", ".,"))
        return "0" if text == "-0" else text

    def seconds(self, value: float) -> str:
        """Write a duration in the unit that a person would take."""
        if value >= 5_400:
            return f"{self.number(value / 3_600)} h"
        if value >= 120:
            return f"{self.number(value / 60)} min"
        return f"{self.number(value)} s" if value >= 1 or value == 0 else f"{self.number(value * 1_000, 0)} ms"


@lru_cache(maxsize=4)
def texts(language: Language) -> Texts:
    """Return the catalogue of a language."""
    content = files("readiness").joinpath("texts", f"{language.value}.toml").read_text(encoding="utf-8")
    return Texts(language, dict(_flat(tomllib.loads(content))))


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", str(value))]
    return found
