"""The API's document as pages show it: chapters of operations, and one operation with everything that is said of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marketbot.api.problems import ApiReason, title_of
from marketbot.domain.reasons import Language, RefusalReason

Document = Mapping[str, Any]
PROBLEM_JSON = "application/problem+json"
REFERENCE = "#/components/schemas/"
MAX_WORDS = 12
"""Words of a closed list that a row shows; the document has all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation as a list shows it."""

    name: str
    method: str
    path: str
    summary: str
    scope: str


@dataclass(frozen=True, slots=True)
class Chapter:
    name: str
    anchor: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field. ``of`` is the type that it holds, where that has a table of its own."""

    name: str
    kind: str
    of: str
    required: bool
    told: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A type: its fields, and what is said of it."""

    name: str
    told: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """A body or an answer: its media type, the tables of its types, and an example."""

    status: str
    media_type: str
    tables: tuple[Table, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Refusal:
    status: str
    reason: str
    title: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One operation, whole."""

    entry: Entry
    chapter: Chapter
    told: tuple[str, ...]
    security: tuple[str, ...]
    limits: tuple[str, ...]
    parameters: tuple[Field, ...]
    body: Content | None
    answers: tuple[Content, ...]
    refusals: tuple[Refusal, ...]
    call: str


def chapters(document: Document) -> tuple[Chapter, ...]:
    """Return the chapters in the document's order, each with its operations."""
    found: dict[str, list[Entry]] = {tag["name"]: [] for tag in document["tags"]}
    for method, path, operation in _operations(document):
        found[operation["tags"][0]].append(_entry(method, path, operation))
    return tuple(Chapter(name, _anchor(name), tuple(entries)) for name, entries in found.items())


def detail(document: Document, name: str, origin: str, spoken: Language) -> Detail | None:
    """Return one operation by its name; None where there is none. ``origin`` is what its address begins with."""
    for method, path, operation in _operations(document):
        if operation["operationId"] == name:
            entry = _entry(method, path, operation)
            chapter = next(each for each in chapters(document) if entry in each.entries)
            return Detail(
                entry,
                chapter,
                # The last lines of a description repeat what stands beside it.
                tuple(line for line in operation["description"].split("\n\n") if not line.startswith(("Scope:", "Counted by"))),
                tuple(" + ".join(need) for need in operation["security"]),
                tuple(operation.get("x-rate-limits", ())),
                tuple(_parameter(each) for each in operation.get("parameters", ())),
                _body(document, operation),
                tuple(_answers(document, operation)),
                tuple(_refusals(document, operation, spoken)),
                _curl(origin, method, path, operation),
            )
    return None


def _operations(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _entry(method: str, path: str, operation: Mapping[str, Any]) -> Entry:
    return Entry(operation["operationId"], method, path, operation["summary"], operation.get("x-scope", ""))


def _anchor(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def _parameter(parameter: Mapping[str, Any]) -> Field:
    schema = parameter["schema"]
    told = parameter.get("description", "")
    return Field(parameter["name"], _kind(schema), "", parameter.get("required", False), told, parameter["in"])


def _body(document: Document, operation: Mapping[str, Any]) -> Content | None:
    contents = operation.get("requestBody", {}).get("content", {})
    return next((_content(document, "", media, each) for media, each in contents.items()), None)


def _answers(document: Document, operation: Mapping[str, Any]) -> Iterator[Content]:
    for status, answer in operation["responses"].items():
        for media, each in answer.get("content", {}).items():
            if media != PROBLEM_JSON:
                yield _content(document, status, media, each)


def _content(document: Document, status: str, media: str, content: Mapping[str, Any]) -> Content:
    example = content["example"]
    text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    return Content(status, media, tuple(_tables(document, content["schema"])), text)


def _tables(document: Document, schema: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the types that a schema refers to, each once, the outermost first."""
    waiting, seen = list(_references(schema)), set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        component = document["components"]["schemas"][name]
        required = component.get("required", ())
        yield Table(
            name,
            component.get("description", ""),
            tuple(
                Field(each, _kind(part), next(_references(part), ""), each in required, part.get("description", ""))
                for each, part in component["properties"].items()
            ),
        )
        for part in component["properties"].values():
            waiting += _references(part)


def _references(schema: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        yield schema["$ref"].removeprefix(REFERENCE)
    for part in schema.get("anyOf", ()):
        yield from _references(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            yield from _references(schema[key])


def _kind(schema: Mapping[str, Any]) -> str:
    """Say what a value is, in the words of JSON."""
    if "$ref" in schema:
        return str(schema["$ref"].removeprefix(REFERENCE))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(part) for part in schema["anyOf"]))
    if "enum" in schema:
        words = [str(word).lower() if isinstance(word, bool) else str(word) for word in schema["enum"]]
        return " | ".join([*words[:MAX_WORDS], *(["..."] if len(words) > MAX_WORDS else [])])
    kinds = schema.get("type", "any")
    return " | ".join(_plain(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _plain(kind: str, schema: Mapping[str, Any]) -> str:
    if kind == "array":
        return f"{_kind(schema['items'])}[]"
    if kind == "string" and "format" in schema:
        return str(schema["format"])
    if kind == "integer" and "maximum" in schema and schema["maximum"] < 2**31:
        return f"integer {schema.get('minimum', 0)} .. {schema['maximum']}"
    if kind == "string" and "maxLength" in schema:
        return f"string {schema.get('minLength', 0)} .. {schema['maxLength']}"
    return kind


def _refusals(document: Document, operation: Mapping[str, Any], spoken: Language) -> Iterator[Refusal]:
    for status, answer in operation["responses"].items():
        found = document["components"]["responses"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for reason in found.get("content", {}).get(PROBLEM_JSON, {}).get("examples", ()):
            known = ApiReason(reason) if reason in ApiReason.__members__ else RefusalReason(reason)
            yield Refusal(status, reason, title_of(known, spoken))


def _curl(origin: str, method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Write the operation as a command for a shell; what is secret is a variable."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    lines = ["curl" if method == "GET" else f"curl -X {method}"]
    if any("token" in need for need in operation["security"]):
        lines.append('-H "Authorization: Bearer $TOKEN"')
    elif operation["security"]:
        lines.append('-b "$COOKIE"' + ("" if method == "GET" else ' -H "X-CSRF-Token: $CSRF"'))
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ())):
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    contents = operation.get("requestBody", {}).get("content", {})
    for media, content in list(contents.items())[:1]:
        body = json.dumps(content["example"], ensure_ascii=False)
        lines += [f'-H "Content-Type: {media}"', f"-d '{body}'"]
    return " \\\n  ".join([*lines, f"{origin}{path}"])
