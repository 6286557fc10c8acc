"""The console's texts: one catalog a language, the same keys and placeholders in each (tests hold that)."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from marketbot.domain.errors import MarketBotError
from marketbot.domain.reasons import Language

FILES = {Language.EN: "en.toml", Language.PT: "pt_BR.toml"}
TAGS = {Language.EN: "en", Language.PT: "pt-BR"}
"""As HTML and browsers call them."""
_PLACE = Path(__file__).with_name("texts")


class TextMissing(MarketBotError):
    """A page asked for a text that no catalog has: a fault of ours, found by the tests."""


class Catalog:
    """The texts of one language, by dotted keys."""

    def __init__(self, language: Language, texts: Mapping[str, str]) -> None:
        self.language = language
        self.tag = TAGS[language]
        self._texts = texts

    def __repr__(self) -> str:
        return f"<Catalog {self.tag}, {len(self._texts)} texts>"

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text with its placeholders filled.

        Raises:
            TextMissing: there is no such key.
        """
        text = self._texts.get(key)
        if text is None:
            raise TextMissing(key)
        return text.format(**values) if values else text

    def counted(self, key: str, count: int, shown: str = "") -> str:
        """Return the text for one or for many; ``shown`` is the number as the viewer writes it."""
        return self(f"{key}.{'one' if count == 1 else 'many'}", count=shown or str(count))

    def known(self, key: str, otherwise: str) -> str:
        """Return a text whose key is made of a stored word, or the word itself where a newer version stored it."""
        return self._texts.get(key, otherwise)

    def keys(self) -> frozenset[str]:
        return frozenset(self._texts)

    def placeholders(self, key: str) -> frozenset[str]:
        return frozenset(name for _, name, _, _ in string.Formatter().parse(self._texts[key]) if name)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, str):
            yield f"{prefix}{name}", value
        else:
            yield from _flat(value, f"{prefix}{name}.")


@lru_cache(maxsize=len(FILES))
def catalog(language: Language) -> Catalog:
    return Catalog(language, dict(_flat(tomllib.loads((_PLACE / FILES[language]).read_text("utf-8")))))
