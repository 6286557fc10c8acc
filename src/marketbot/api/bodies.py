"""Reads the JSON object that a command carries: bounded in size and time, its numbers never through a float."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

from litestar import Response
from litestar.exceptions import ClientException, HTTPException

from marketbot.api.admission import ApiRequest, spoken_by
from marketbot.api.problems import ApiReason, api_problem

MAX_COMMAND_BYTES = 16 * 1024
MAX_POLICY_BYTES = 64 * 1024
"""A policy may name two thousand restricted symbols."""
BODY_TIMEOUT_S = 5.0


def _refuse(_constant: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_float=Decimal, parse_constant=_refuse)


async def read_object(request: ApiRequest) -> dict[str, Any] | Response[bytes]:
    """Return the body's object, or the problem to answer."""
    spoken = spoken_by(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return api_problem(ApiReason.JSON_EXPECTED, spoken)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.body()
    except TimeoutError:
        return api_problem(ApiReason.BODY_TOO_SLOW, spoken)
    except HTTPException as error:
        too_large = error.status_code == 413
        return api_problem(ApiReason.BODY_TOO_LARGE if too_large else ApiReason.JSON_MALFORMED, spoken)
    except ClientException:
        return api_problem(ApiReason.JSON_MALFORMED, spoken)
    try:
        found = _JSON.decode(body.decode("utf-8"))
    except (ValueError, ArithmeticError, RecursionError):
        return api_problem(ApiReason.JSON_MALFORMED, spoken)
    return found if isinstance(found, dict) else api_problem(ApiReason.JSON_MALFORMED, spoken)
