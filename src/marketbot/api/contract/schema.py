"""JSON Schemas of the very types that answers and bodies are made of, so that no field is described twice. Pure.

An answer has every field of its type; what may be missing, in either, is ``Maybe``. Decimals are texts, as ``answers`` writes them.
``KEYWORDS`` of a class go into its schema as they are.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from marketbot.api.contract.words import MEANINGS

Schema = dict[str, Any]
T = TypeVar("T")

DECIMAL: Schema = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: DECIMAL,
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    # Of a recurring job, seconds: none of these is ever dead, so none has been answered yet.
    timedelta: {"type": "number"},
    type(None): {"type": "null"},
    Any: {},
    object: {},
}


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What a value must be besides its type: ``Annotated[int, Rule({"minimum": 1})]``. ``whole`` stands for the whole schema."""

    keywords: Mapping[str, Any]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _Missing:
    """Marks a field that need not be there."""


Maybe = Annotated[T, _Missing()]


class Schemas:
    """Makes schemas; a dataclass becomes a component that others refer to."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._made_of: dict[str, type] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type. Two types of one name are refused: one would hide the other."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if isinstance(kind, NewType):
            return self.of(kind.__supertype__)
        origin = get_origin(kind)
        if origin is Annotated:
            return self._annotated(kind)
        if origin is Literal:
            words = list(get_args(kind))
            return {"type": "boolean" if isinstance(words[0], bool) else "string", "enum": words}
        if origin in (Union, types.UnionType):
            return self._union([self.of(each) for each in get_args(kind)])
        if origin in (list, tuple, Sequence, frozenset) or (isinstance(origin, type) and issubclass(origin, Sequence)):
            return {"type": "array", "items": self.of(get_args(kind)[0])}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(get_args(kind)[1])}
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return {"type": "string", "enum": [each.value for each in kind]}
        if isinstance(kind, type) and is_dataclass(kind):
            return self._component(kind)
        raise TypeError(f"no schema is known for {kind!r}")

    def _annotated(self, kind: Any) -> Schema:
        of, *marks = get_args(kind)
        rules = [mark for mark in marks if isinstance(mark, Rule)]
        whole = next((rule for rule in rules if rule.whole), None)
        schema = {} if whole else self.of(of)
        for rule in rules:
            schema |= dict(rule.keywords)
        return schema

    def _union(self, parts: list[Schema]) -> Schema:
        if all(set(part) == {"type"} and isinstance(part["type"], str) for part in parts):
            return {"type": [part["type"] for part in parts]}
        given = [part for part in parts if part != {"type": "null"}]
        if len(given) == 1 and len(parts) == 2 and "type" in given[0] and "enum" not in given[0]:
            kinds = given[0]["type"]
            return {**given[0], "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}
        return {"anyOf": parts}

    def _component(self, kind: type) -> Schema:
        name = kind.__name__
        if self._made_of.setdefault(name, kind) is not kind:
            raise TypeError(f"two types are called {name}: {kind.__module__} and {self._made_of[name].__module__}")
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._object(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: type) -> Schema:
        hints = get_type_hints(kind, include_extras=True)
        assert is_dataclass(kind)
        named = {field.name: hints[field.name] for field in fields(kind)}
        schema: Schema = {
            "type": "object",
            "properties": {name: self._told(name, self.of(hint)) for name, hint in named.items()},
            "required": [name for name, hint in named.items() if not may_be_missing(hint)],
            "additionalProperties": False,
        }
        # A dataclass that says nothing of itself is given a docstring that repeats its fields.
        if kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}("):
            schema["description"] = _first_paragraph(kind.__doc__)
        return schema | getattr(kind, "KEYWORDS", {})

    def _told(self, name: str, schema: Schema) -> Schema:
        meaning = MEANINGS.get(name)
        return schema if meaning is None or "description" in schema else {**schema, "description": meaning}


def may_be_missing(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(isinstance(mark, _Missing) for mark in get_args(hint)[1:])


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n")[0].replace("``", "`").split())
