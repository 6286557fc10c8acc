"""An example of a schema: what ``words`` says that a field looks like, else what its type does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketbot.api.contract.words import LOOKS, TIME

Schema = Mapping[str, Any]
REFERENCE = "#/components/schemas/"


def example_of(schema: Schema, components: Mapping[str, Schema], name: str = "") -> Any:
    """Return one value that the schema accepts; ``name`` is the field's."""
    if "const" in schema:
        return schema["const"]
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(components[schema["$ref"].removeprefix(REFERENCE)], components, name)
    parts = schema.get("anyOf")
    if parts is not None:
        return LOOKS[name] if _fits(LOOKS.get(name, ...), parts) else example_of(parts[0], components, name)
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    for value in (LOOKS[name], str(LOOKS[name])) if name in LOOKS else ():
        if _is(value, kinds) and value in schema.get("enum", [value]):
            return value
    if "null" in kinds and kind != "string":
        kind = "null" if kind in ("object", "boolean") else kind
    elif "null" in kinds and "format" not in schema:
        return None
    if "enum" in schema:
        return schema["enum"][0]
    return _by_kind(kind, schema, components, name)


def _by_kind(kind: str, schema: Schema, components: Mapping[str, Schema], name: str) -> Any:
    if kind == "object":
        given = schema.get("properties", {})
        return {each: example_of(part, components, each) for each, part in given.items()}
    if kind == "array":
        return [example_of(schema["items"], components, name.removesuffix("s"))]
    if kind == "integer":
        return max(7, schema.get("minimum", 7)) if schema.get("maximum", 7) >= 7 else schema["maximum"]
    if kind in ("boolean", "null"):
        return False if kind == "boolean" else None
    if kind == "number":
        return 1
    formats = {"date-time": TIME, "date": TIME[:10], "decimal": "0.5"}
    return formats.get(schema.get("format", ""), "text")


def _is(value: Any, kinds: str | list[str]) -> bool:
    names = [kinds] if isinstance(kinds, str) else kinds
    known = {"string": str, "integer": int, "number": int, "boolean": bool, "null": type(None), "array": list, "object": dict}
    return any(type(value) is known[name] for name in names)


def _fits(value: Any, parts: list[Schema]) -> bool:
    return any(_is(value, part["type"]) and value in part.get("enum", [value]) for part in parts if "type" in part)
