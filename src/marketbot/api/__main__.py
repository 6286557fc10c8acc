"""``python -m marketbot.api``: the HTTP face as a process of its own, for a supervisor to start. DATABASE_URL says where to."""

from __future__ import annotations

import os
import sys

from marketbot.api.server import run
from marketbot.settings import KEK_VARIABLES, Settings


def main() -> int:
    settings = Settings()
    if given := [name for name in KEK_VARIABLES if os.environ.get(name)]:
        sys.stderr.write(f"{given[0]} is set: the API must not hold what opens exchange keys. Give it to engines alone.\n")
        return 2
    if settings.database_url is None:
        sys.stderr.write("DATABASE_URL is not set: this process connects to a database, it does not start one.\n")
        return 2
    return run(settings, settings.database_url.get_secret_value())


if __name__ == "__main__":
    sys.exit(main())
