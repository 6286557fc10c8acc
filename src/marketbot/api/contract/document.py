"""The OpenAPI 3.1 document of an application: its routes, and what ``operations`` says about each.

A route without an operation, or an operation without a route, is refused: the document has both or is not made.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from litestar import Litestar

from marketbot.api.admission import admit
from marketbot.api.contract.answers import Problem
from marketbot.api.contract.examples import example_of
from marketbot.api.contract.foreword import FOREWORD, HEADERS, SECURITY
from marketbot.api.contract.operation import JSON, Operation, Reason, Tag
from marketbot.api.contract.operations import OPERATIONS
from marketbot.api.contract.other_media import WEBHOOK_BODY, other_content, other_headers, unchanged
from marketbot.api.contract.problem_answers import Problems, problem_of
from marketbot.api.contract.route_facts import RouteFacts, limits_of, public_routes, reasons_of
from marketbot.api.contract.schema import Schema, Schemas
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import status_of
from marketbot.api.repeating import MAX_KEY_CHARS
from marketbot.domain.errors import MarketBotError

OPENAPI = "3.1.1"
_COUNTED_HEADERS = ("RateLimit-Policy", "RateLimit")


class ContractBroken(MarketBotError):
    """Routes and operations are not the same; the text names what one of them lacks."""


def make_document(app: Litestar) -> dict[str, Any]:
    """Make the document of the routes that an application serves.

    Raises:
        ContractBroken: see above.
    """
    routes = {facts.key: facts for facts in public_routes(app)}
    if routes.keys() != OPERATIONS.keys():
        raise ContractBroken(f"not described, or not served: {', '.join(sorted(routes.keys() ^ OPERATIONS.keys()))}")
    schemas = Schemas()
    schemas.of(Problem)
    problems = Problems()
    paths: dict[str, dict[str, Any]] = {}
    # In the order of operations, which is that of a reader.
    for key, operation in OPERATIONS.items():
        facts = routes[key]
        paths.setdefault(facts.path, {})[facts.method.lower()] = _operation(facts, operation, schemas, problems)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "MarketBot",
            "version": version("marketbot"),
            "summary": "One trading signal in, protected orders on thousands of exchange accounts out.",
            "description": FOREWORD,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This installation."}],
        "tags": [{"name": tag.value} for tag in Tag],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": problems.components,
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def _operation(facts: RouteFacts, operation: Operation, schemas: Schemas, problems: Problems) -> dict[str, Any]:
    limits = limits_of(facts, operation)
    document: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag.value],
        "summary": operation.summary,
        "description": _description(facts, operation, [limit.value for limit in limits]),
        "parameters": _parameters(facts, operation, schemas),
        "responses": _responses(facts, operation, schemas, problems),
        "security": _security(facts),
    }
    if not document["parameters"]:
        del document["parameters"]
    if operation.body is not None:
        document["requestBody"] = {"required": True, "content": {JSON: _content(schemas.of(operation.body), schemas)}}
    elif "{source}" in facts.path:
        document["requestBody"] = {"required": True, "content": WEBHOOK_BODY}
    if facts.scope is not None:
        document["x-scope"] = facts.scope.value
    if limits:
        document["x-rate-limits"] = [limit.value for limit in limits]
    return document


def _description(facts: RouteFacts, operation: Operation, limits: Iterable[str]) -> str:
    told = " ".join(facts.told.replace("``", "`").split())
    sentences = [told, operation.told]
    if facts.scope is not None:
        sentences.append(f"Scope: `{facts.scope.value}`.")
    if facts.standing is not None:
        sentences.append("Opened by a session, and by no token.")
    if operation.body is not None:
        sentences.append(f"The body holds at most {facts.body_max_bytes // 1024} KiB.")
    counted = ", ".join(f"`{limit}`" for limit in limits)
    sentences.append(f"Counted by {counted}." if counted else "")
    return "\n\n".join(sentence for sentence in sentences if sentence)


def _security(facts: RouteFacts) -> list[dict[str, list[str]]]:
    if facts.guard is not admit:
        return []
    session: dict[str, list[str]] = {"session": [], "csrf": []} if facts.writes else {"session": []}
    if facts.standing is not None or facts.scope is None:
        return [session]
    return [{"token": [facts.scope.value]}, session]


def _parameters(facts: RouteFacts, operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, is_number in facts.parameters:
        schema: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID} if is_number else {"type": "string", "minLength": 1}
        found.append({"name": name, "in": "path", "required": True, "schema": schema, "example": example_of(schema, {}, name)})
    for query in operation.query:
        schema = schemas.of(query.kind)
        example = schema.get("default", example_of(schema, {}, query.name))
        found.append({"name": query.name, "in": "query", "description": query.meaning, "schema": schema, "example": example})
    found += other_headers(facts, operation)
    if facts.once:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same command sent again under it within a day is not done again, and answered as it was.",
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
                "example": "6f1d6bb0-6f0c-4b52-9a34-1f2b3c4d5e6f",
            }
        )
    return found


def _responses(facts: RouteFacts, operation: Operation, schemas: Schemas, problems: Problems) -> dict[str, Any]:
    named = _headers(facts)
    found: dict[int, dict[str, Any]] = {}
    for status, kind in operation.answers.items():
        content = {} if kind is None else {JSON: _content(schemas.of(kind), schemas)}
        if operation.media != JSON:
            content |= {operation.media: other_content(operation.media)}
        found[status] = {"description": operation.summary + ".", "headers": named, "content": content}
    found |= unchanged(facts)
    by_status: dict[int, list[Reason]] = {}
    for reason in reasons_of(facts, operation):
        by_status.setdefault(status_of(reason), []).append(reason)
    for status, reasons in sorted(by_status.items()):
        if status in found:
            found[status]["content"] |= problem_of(status, reasons)["content"]
        else:
            found[status] = problems.of(status, reasons)
    return {str(status): found[status] for status in sorted(found)}


def _headers(facts: RouteFacts) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _COUNTED_HEADERS} if facts.counted else {}


def _content(schema: Schema, schemas: Schemas) -> dict[str, Any]:
    return {"schema": schema, "example": example_of(schema, schemas.components)}
