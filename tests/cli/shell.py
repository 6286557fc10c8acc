"""Commands run as a shell runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import asyncpg

Run = Callable[..., subprocess.CompletedProcess[str]]


def read_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


async def write(database: str, statement: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
