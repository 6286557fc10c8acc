"""``python -m marketbot.store``: bring the database's schema up to this version, before its processes start. Does nothing twice."""

from __future__ import annotations

import asyncio
import sys

from marketbot.settings import Settings
from marketbot.store.migrate import migrate


def main() -> int:
    database_url = Settings().database_url
    if database_url is None:
        sys.stderr.write("DATABASE_URL is not set: the embedded database is migrated by `marketbot up`.\n")
        return 2
    applied = asyncio.run(migrate(database_url.get_secret_value()))
    print(f"{len(applied)} migrations applied")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
