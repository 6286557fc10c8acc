"""The document against the server that it describes: schemathesis makes requests of it, and holds it against what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks
from tests.users.faces import Faces, faces_of

from marketbot.api import admission, channel_changes, limits
from marketbot.domain.gcra import Rate

from .conftest import furnish
from .promise import document

SEEDS = [int(text) for text in os.environ.get("MARKETBOT_API_SEEDS", "20260301").split(",")]
EXAMPLES = 5
"""Of each kind, for every operation."""
TIMEOUT_S = 10.0
ENDLESS = frozenset({"follow_events", "follow_all_events"})
"""Streams, which tests/live reads."""
LAST = frozenset({"revoke_token"})
"""What may revoke the very token that asks."""

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
]


REFUSED = ("400", "401", "403", "404", "408", "409", "410", "413", "415", "422", "429")
"""How what the document forbids may be answered; a body may be too large or too slow before it is wrong."""


def tried() -> Iterator[APIOperation[Any, Any, Any, Any]]:
    refusing = {"checks": {"negative_data_rejection": {"expected-statuses": list(REFUSED)}}}
    schema = schemathesis.openapi.from_dict(document(), config=schemathesis.Config.from_dict(refusing))
    found = [each.ok() for each in schema.get_all_operations()]
    wanted = [each for each in found if each.definition.raw["operationId"] not in ENDLESS]
    yield from sorted(wanted, key=lambda each: each.definition.raw["operationId"] in LAST)


def try_all(port: int, token: str, chosen: int) -> list[str]:
    """Send what the document allows and what it forbids; return everything that was not as it says."""
    breaches: list[str] = []
    with requests.Session() as session:
        for operation in tried():
            numbers = {each.name: 1 for each in operation.path_parameters if each.definition["schema"]["type"] == "integer"}
            # What is there for certain, so that bodies are read; and whatever else somebody may put into a path.
            for place in ({}, numbers) if numbers else ({},):
                for mode in GenerationMode:
                    breaches += _try(session, operation, mode, place, (port, token, chosen))
    return breaches


def _try(
    session: requests.Session,
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    place: dict[str, int],
    server: tuple[int, str, int],
) -> list[str]:
    breaches: list[str] = []
    port, token, chosen = server

    @seed(chosen)
    @settings(
        max_examples=EXAMPLES, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=place or None))
    def attempt(case: Case) -> None:
        try:
            case.call_and_validate(
                base_url=f"http://127.0.0.1:{port}",
                session=session,
                headers={"Authorization": f"Bearer {token}"},
                checks=CHECKS,
                timeout=TIMEOUT_S,
            )
        except FailureGroup as group:
            breaches.extend(f"{operation.label} ({mode.value}): {failure}" for failure in group.exceptions)

    # Where nothing can be sent that would be wrong, there is nothing to try.
    with contextlib.suppress(Unsatisfiable):
        attempt()
    return breaches


@pytest.fixture
async def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """More in a minute than anybody may; everything is counted as always."""
    for module, name in (
        (admission, "USER_COMMANDS"),
        (admission, "TOKEN_READS"),
        (limits, "LOGIN"),
        (channel_changes, "CHANNEL_CODES"),
    ):
        limit = getattr(module, name)
        monkeypatch.setattr(module, name, replace(limit, rate=Rate.per(1_000_000, 60)))


@pytest.fixture
async def faces(database: str, tmp_path: Path, unhurried: None) -> Iterator[Faces]:
    await furnish(database)
    async with faces_of(database, tmp_path) as made:
        yield made


@pytest.mark.parametrize("chosen", SEEDS)
@pytest.mark.parametrize("kind", ["user", "operator"])
async def test_no_request_is_answered_otherwise_than_the_document_says(faces: Faces, kind: str, chosen: int) -> None:
    token = faces.ana if kind == "user" else faces.root
    breaches = await asyncio.to_thread(try_all, faces.api.port, token, chosen)
    assert breaches == [], f"seed {chosen}"
