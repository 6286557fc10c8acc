"""``python -m marketbot.cache``: the embedded shared store as a process for a supervisor to start. It ends when the server ends."""

from __future__ import annotations

import signal
import sys

from marketbot.cache.valkey_server import ValkeyServer, ValkeyUnavailable
from marketbot.store.embedded.data_dir import default_data_root


def main() -> int:
    try:
        server = ValkeyServer(default_data_root()).spawn()
    except ValkeyUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    return server.wait()


if __name__ == "__main__":
    sys.exit(main())
