"""``python -m marketbot.cache``: the embedded shared store as a process for a supervisor to start, which has prepared it.

It ends when the server ends.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from marketbot.cache.valkey_server import ValkeyServer, ValkeyUnavailable


def main() -> int:
    try:
        server = ValkeyServer(Path(os.environ["MARKETBOT_DATA_DIR"])).spawn()
    except ValkeyUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    return server.wait()


if __name__ == "__main__":
    sys.exit(main())
