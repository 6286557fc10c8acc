"""The document against the routes that are served, the scopes that there are, and an OpenAPI validator of somebody else's."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar, get
from openapi_spec_validator import validate

from marketbot.api.contract.document import ContractBroken, make_document
from marketbot.api.contract.operations import OPERATIONS
from marketbot.api.contract.route_facts import public_routes
from marketbot.domain.limits import LimitName
from marketbot.domain.scope import Scope

from .conftest import Api
from .promise import application, document, faults_of, operations, resolved

OF_NOBODY = {LimitName.MAIL_EMAIL, LimitName.LOGIN}
"""Limits of no operation: the one is silent about who is here, the other counts wrong credentials, wherever they are shown."""


def test_it_is_valid_openapi() -> None:
    validate(document())


def test_every_route_that_is_served_is_in_it_and_no_other() -> None:
    served = {(route.method, route.path) for route in public_routes(application())}
    assert served == {(method, path) for method, path, _ in operations()}
    assert len(served) > 90


def test_a_route_that_nobody_described_is_refused() -> None:
    @get("/v1/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(ContractBroken, match="GET /v1/forgotten"):
        make_document(Litestar([forgotten], openapi_config=None))


def test_it_says_of_every_route_which_scope_it_demands() -> None:
    told = {(method, path): operation.get("x-scope") for method, path, operation in operations()}
    assert told == {(route.method, route.path): route.scope for route in public_routes(application())}
    assert set(told.values()) - {None} == {scope.value for scope in Scope}
    for method, path, operation in operations():
        token = next((need["token"] for need in operation["security"] if "token" in need), None)
        assert token == ([told[method, path]] if told[method, path] else None)


def test_it_names_every_parameter_of_a_path() -> None:
    for method, path, operation in operations():
        named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, (method, path)


def test_whatever_changes_something_under_a_cookie_needs_the_csrf_header() -> None:
    for method, path, operation in operations():
        for need in operation["security"]:
            assert ("csrf" in need) == ("session" in need and method != "GET"), (method, path)


def test_every_limit_that_callers_meet_is_named() -> None:
    told = {limit for _, _, operation in operations() for limit in operation.get("x-rate-limits", [])}
    assert told == {limit.value for limit in set(LimitName) - OF_NOBODY}


def test_names_are_of_one_operation_each() -> None:
    names = [operation.name for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))


def spots(operation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return every part of an operation that has a schema and an example."""
    found = [(f"parameter {each['name']}", each) for each in operation.get("parameters", [])]
    found += [(f"body {media}", content) for media, content in operation.get("requestBody", {}).get("content", {}).items()]
    for status, answer in operation["responses"].items():
        found += [(f"{status} {media}", content) for media, content in resolved(answer).get("content", {}).items()]
    return found


def test_every_parameter_body_and_answer_has_an_example_that_its_schema_accepts() -> None:
    wrong = []
    for method, path, operation in operations():
        for name, part in spots(operation):
            examples = [each["value"] for each in part.get("examples", {}).values()] or [part["example"]]
            wrong += [(method, path, name, fault) for example in examples for fault in faults_of(example, part["schema"])]
    assert wrong == []


def test_every_operation_has_a_summary_a_description_and_a_chapter() -> None:
    chapters = {tag["name"] for tag in document()["tags"]}
    for method, path, operation in operations():
        assert operation["summary"], (method, path)
        assert not operation["summary"].endswith("."), (method, path)
        assert set(operation["tags"]) <= chapters


async def test_it_is_served_to_anybody_and_may_be_kept(api: Api) -> None:
    found = await api.get("/v1/openapi.json", token=None)
    assert found.status == 200
    assert found.json == document()
    assert found.headers["cache-control"] == "public, max-age=300"
    again = await api.get("/v1/openapi.json", token=None, if_none_match=found.headers["etag"])
    assert (again.status, again.body) == (304, b"")
