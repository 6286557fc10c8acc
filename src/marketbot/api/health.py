"""GET /health/live and /health/ready: the only addresses without a credential, so they tell and cost next to nothing."""

from __future__ import annotations

import asyncio
import time

import orjson
from litestar import Response, get
from litestar.datastructures import State

from marketbot.api.database import Database
from marketbot.api.draining import Draining
from marketbot.api.shedding import LOAD_CLASS
from marketbot.cache.shared import Shared
from marketbot.domain.load import LoadClass
from marketbot.intake.refused import StoreAway
from marketbot.store.migrate import MIGRATIONS, read_migrations

READY_AGE_S = 1.0
"""How long an answer is used again, so that a flood of questions is not one of queries."""
READY_TIMEOUT_S = 1.0
SHARED_STORE = "shared_store"


class Readiness:
    """Can signals be taken? The database answers and has every migration of this version, and this process is not about to end."""

    def __init__(self, database: Database, draining: Draining, shared: Shared | None = None) -> None:
        self._database = database
        self._draining = draining
        self._shared = shared
        self._version = max((migration.version for migration in read_migrations(MIGRATIONS)), default=0)
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._answer = "unknown"

    async def ask(self) -> str:
        """Return ``ready``, ``draining``, ``store_unavailable`` or ``migrations_pending``."""
        if self._draining.begun.is_set():
            return "draining"
        async with self._asking:
            if time.monotonic() - self._asked_at > READY_AGE_S:
                self._answer = await self._ask()
                self._asked_at = time.monotonic()
            return self._answer

    @property
    def degraded(self) -> list[str]:
        """Return what is away that the service does without."""
        return [SHARED_STORE] if self._shared is not None and not self._shared.up else []

    async def _ask(self) -> str:
        try:
            async with self._database.connection(READY_TIMEOUT_S) as connection:
                if not await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL"):
                    return "migrations_pending"
                applied = await connection.fetchval("SELECT max(version) FROM schema_migration")
        except StoreAway:
            return "store_unavailable"
        return "ready" if (applied or 0) >= self._version else "migrations_pending"


@get("/health/live", opt={LOAD_CLASS: LoadClass.UNCOUNTED})
async def live() -> Response[bytes]:
    return Response(b'{"status":"live"}', media_type="application/json")


@get("/health/ready", opt={LOAD_CLASS: LoadClass.UNCOUNTED})
async def ready(state: State) -> Response[bytes]:
    readiness: Readiness = state.readiness
    answer = await readiness.ask()
    document: dict[str, object] = {"status": answer}
    if readiness.degraded:
        document["degraded"] = readiness.degraded
    return Response(orjson.dumps(document), status_code=200 if answer == "ready" else 503, media_type="application/json")
