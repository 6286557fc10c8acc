"""``python -m marketbot.api``: the HTTP face as a process of its own, for a supervisor to start. DATABASE_URL says where to."""

from __future__ import annotations

import sys

from marketbot.api.server import run
from marketbot.settings import Settings


def main() -> int:
    settings = Settings()
    if settings.database_url is None:
        sys.stderr.write("DATABASE_URL is not set: this process connects to a database, it does not start one.\n")
        return 2
    return run(settings, settings.database_url.get_secret_value())


if __name__ == "__main__":
    sys.exit(main())
