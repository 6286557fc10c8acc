"""The client against the document: a function for every operation, types that take every example, and files that are up to date."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.api.promise import operations, resolved
from tools.write_client import MODULES, PLACE, written

from marketbot_client import Call, PagedCall, StreamCall
from marketbot_client.wire import Answer, read_answer, request_of

STREAMS = "text/event-stream"


def functions() -> dict[str, Any]:
    """Return every function that makes a call, by its name."""
    found: dict[str, Any] = {}
    for name in MODULES.values():
        module = importlib.import_module(f"marketbot_client.{name}")
        for each, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__:
                assert each not in found
                found[each] = function
    return found


def made(operation: dict[str, Any]) -> Call[Any]:
    """Make an operation's call of the examples of its parameters and body."""
    function = functions()[operation["operationId"]]
    examples = {each["name"]: each["example"] for each in operation.get("parameters", [])}
    content = operation.get("requestBody", {}).get("content", {})
    body = content["application/json"]["example"] if "text/plain" not in content and content else {}
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in body:
            given[name] = body[name]
        elif name in examples:
            given[name] = examples[name]
        elif parameter.default is inspect.Parameter.empty:
            given[name] = content["text/plain"]["example"]
    call: Call[Any] = function(**given)
    return call


def test_the_files_are_what_the_document_makes_of_them() -> None:
    for name, text in written().items():
        assert (PLACE / name).read_text() == text, f"{name} is not up to date: make client"


def test_every_operation_has_a_function_and_no_function_has_none() -> None:
    names = {operation["operationId"] for _, _, operation in operations()}
    assert set(functions()) == names | {"show_control_report_markdown"}


@pytest.mark.parametrize(
    ("method", "path", "operation"), list(operations()), ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_call_goes_where_the_document_says_and_reads_its_examples(method: str, path: str, operation: dict[str, Any]) -> None:
    found = made(operation)
    if isinstance(found, StreamCall):
        assert (method, found.path) == ("GET", path)
        assert STREAMS in operation["responses"]["200"]["content"]
        return
    assert (found.method, found.path) == (method, path)
    request = request_of(found)
    assert "{" not in request.path
    parameters = operation.get("parameters", [])
    assert ("Idempotency-Key" in request.headers) == any(each["name"] == "Idempotency-Key" for each in parameters)
    assert (request.body is None) == ("requestBody" not in operation)
    for status, example in examples_of(operation):
        read = read_answer(found, Answer(int(status), {"content-type": "application/json"}, msgspec.json.encode(example)))
        assert_as_written(read, example)


def examples_of(operation: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for status, answer in operation["responses"].items():
        content = resolved(answer).get("content", {}).get("application/json")
        if content is not None:
            yield status, content["example"]


def assert_as_written(read: Any, example: Any) -> None:
    """Assert that nothing of an example was lost or left as the text that it was sent as."""
    if isinstance(example, dict) and not isinstance(read, dict):
        hints = typing.get_type_hints(type(read))
        assert set(example) <= set(hints)
        for name, value in example.items():
            assert_as_written(getattr(read, name), value)
    elif isinstance(example, list):
        assert len(read) == len(example)
        for one, other in zip(read, example, strict=True):
            assert_as_written(one, other)
    else:
        assert msgspec.json.decode(msgspec.json.encode(read)) == example


def test_lists_know_their_rows() -> None:
    for _, _, operation in operations():
        if any(each["name"] == "limit" for each in operation.get("parameters", [])):
            found = made(operation)
            assert isinstance(found, PagedCall)
            assert found.rows in operation["responses"]["200"]["content"]["application/json"]["example"]
