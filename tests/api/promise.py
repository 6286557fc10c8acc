"""The API's document, held against answers: every test that asks over HTTP proves it a little more."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from litestar import Litestar

from marketbot.api.app import create_app
from marketbot.api.contract.document import make_document
from marketbot.api.contract.route_facts import PUBLIC
from marketbot.api.database import Database
from marketbot.settings import Settings
from marketbot.store.pool import Pool

METHODS = ("get", "put", "post", "patch", "delete")
_OF_NO_OPERATION = frozenset({404, 405})


async def _no_pool() -> Pool:
    raise AssertionError("nothing here asks a database")


@cache
def application() -> Litestar:
    """Return an application that serves nothing."""
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(data_dir=Path(place), operator_token="operator-token-for-the-tests")
        return create_app(Database(open_pool=_no_pool), settings)


@cache
def document() -> dict[str, Any]:
    return make_document(application())


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and operation."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to a shared answer."""
    if "$ref" not in part:
        return part
    found: dict[str, Any] = document()["components"]["responses"][part["$ref"].rpartition("/")[2]]
    return found


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    """Return paths as patterns, those without parameters first."""
    found = []
    for path, methods in document()["paths"].items():
        numbers = {
            each["name"]
            for operation in methods.values()
            for each in operation.get("parameters", [])
            if each["schema"]["type"] == "integer"
        }
        parts = re.split(r"\{([a-z_]+)\}", path)
        for place in range(1, len(parts), 2):
            parts[place] = r"[0-9]+" if parts[place] in numbers else r"[^/]+"
        found.append((re.compile("".join(parts)), path))
    return sorted(found, key=lambda pair: pair[1].count("{"))


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    bare = path.partition("?")[0]
    for pattern, name in _paths():
        if pattern.fullmatch(bare) and method.lower() in document()["paths"][name]:
            found: dict[str, Any] = document()["paths"][name][method.lower()]
            return found
    return None


@cache
def _validator(schema: bytes) -> Draft202012Validator:
    whole = {**orjson.loads(schema), "components": document()["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def faults_of(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return what a schema has against a value."""
    errors = _validator(orjson.dumps(schema)).iter_errors(value)
    return [f"{'/'.join(str(each) for each in error.absolute_path)}: {error.message[:300]}" for error in errors]


def breaches(method: str, path: str, status: int, media_type: str, body: bytes) -> list[str]:
    """Return in what an answer is not as the document has it."""
    operation = operation_of(method, path)
    if operation is None:
        served = path.startswith(PUBLIC) and status not in _OF_NO_OPERATION and method != "OPTIONS"
        return [f"{method} {path} answers {status}, and is not in the document"] if served else []
    name = f"{operation['operationId']} ({method} {path}) {status}"
    if str(status) not in operation["responses"]:
        return [f"{name}: the document has no such status: {body[:300]!r}"]
    content = resolved(operation["responses"][str(status)]).get("content", {})
    media = media_type.partition(";")[0].strip()
    if not content:
        return [] if not body else [f"{name}: the document has no body"]
    if media not in content:
        return [f"{name}: the document has no {media_type}"]
    if not media.endswith("json"):
        return []
    return [f"{name}: {fault}" for fault in faults_of(orjson.loads(body), content[media]["schema"])]
