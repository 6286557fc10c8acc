"""Run a module as a program that does not outlive whoever started it: ``python -m marketbot.supervisor.tether MODULE [ARG ...]``.

The parent holds the other end of our standard input and never writes. When the parent is gone, however it died, the kernel
closes that end, and the whole process group is killed, workers included. A pipe does what PR_SET_PDEATHSIG does, and more: it
exists on every system, counts the parent's process rather than the thread that forked, and reaches grandchildren. Dying without
notice is a case that every process here must cope with anyway.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Watch the parent in a thread, and become the module."""
    tether = os.dup(0)
    os.set_inheritable(tether, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_hold, args=(tether,), name="tether", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _hold(tether: int) -> None:
    while os.read(tether, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
